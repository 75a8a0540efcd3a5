import CLinux
import Glibc
import Storage

/// Tells when something may have been dropped: inotify where it works, and whoever calls rescans now and then anyway.
public final class IncomingWatch {
    /// The descriptor to wait on, or -1 where there is no inotify.
    public let descriptor: Int32

    public init(_ folders: [String]) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        for folder in folders where descriptor >= 0 {
            inotify_add_watch(descriptor, folder, UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE))
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Waits until something happens or the time is up, and empties the queue; an overflowed queue counts as something.
    public func wait(milliseconds: Int32) {
        var descriptors = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        poll(&descriptors, descriptor >= 0 ? 1 : 0, milliseconds)
        guard descriptor >= 0, descriptors[0].revents != 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while read(descriptor, &buffer, buffer.count) > 0 {}
    }
}
