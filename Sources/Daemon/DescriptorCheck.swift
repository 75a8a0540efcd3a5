import Glibc
import Spool
import Storage

/// Whether there are descriptors left for what a drop or a control file needs. A user must not be
/// told "no" because a lookup found none.
struct DescriptorCheck {
    private var lastShortage = -Double.infinity

    mutating func passes(_ journal: Journal) -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<8 {
            let descriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                let error = StorageError(operation: "open", path: "/dev/null")
                if Clock.monotonic() - lastShortage > 60 { journal.log(.error, "\(error): drops and control files wait") }
                lastShortage = Clock.monotonic()
                return false
            }
            opened.append(descriptor)
        }
        return true
    }
}
