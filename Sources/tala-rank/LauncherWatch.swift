import Basics
import CLinux
import Glibc

/// Whether the launcher is still there, which ends with the daemon: Slurm's processes are not its
/// children and outlive it.
final class LauncherWatch {
    /// Readable when the process has ended; -1 where the kernel has no such thing.
    private let descriptor: Int32
    private let process: Int32?
    private var lastLook = 0.0
    private(set) var goneSince: Double?

    /// - Parameter process: on this host; nil: nobody is watched, nor where there is no such
    ///   process, as in a container that numbers its own. It is opened here, so that no later
    ///   process of the same number is taken for it.
    init(_ process: Int32?) {
        descriptor = process.map { tala_pidfd_open($0) } ?? -1
        self.process = descriptor < 0 && errno == ESRCH ? nil : process
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Asked as often as one likes; it looks a few times a second.
    var isGone: Bool {
        guard let process, goneSince == nil else { return goneSince != nil }
        let now = MonotonicClock.seconds()
        guard now - lastLook > 0.2 else { return false }
        lastLook = now
        if descriptor >= 0 {
            var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&look, 1, 0) > 0 { goneSince = now }
        } else if kill(process, 0) != 0, errno == ESRCH {
            goneSince = now
        }
        return goneSince != nil
    }

    /// Whether it has been gone for so long that nothing is to be waited for any more.
    func isGone(forSeconds seconds: Double) -> Bool {
        guard isGone, let goneSince else { return false }
        return MonotonicClock.seconds() - goneSince > seconds
    }
}
