import CLinux
import Glibc
import Storage

/// What a worker takes from itself before it opens anything of somebody else's.
public enum Confinement {
    /// Dies with the daemon (by SIGTERM, so with a checkpoint), gains no rights, and is the first to go when memory runs out.
    public static func bindToParent() {
        _ = tala_set_parent_death_signal(SIGTERM)
        _ = tala_set_no_new_privileges()
        ProcessSettings.write("700", to: "/proc/self/oom_score_adj")
    }
}
