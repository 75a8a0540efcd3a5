import CLinux
import Glibc

/// What a worker takes from itself before it opens anything of somebody else's.
public enum Confinement {
    /// Dies with the daemon (by SIGTERM, so with a checkpoint), gains no rights, and is the first to go when memory runs out.
    public static func bindToParent() {
        _ = tala_set_parent_death_signal(SIGTERM)
        _ = tala_set_no_new_privileges()
        if let file = fopen("/proc/self/oom_score_adj", "w") {
            fputs("700", file)
            fclose(file)
        }
    }
}
