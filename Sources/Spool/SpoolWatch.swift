import CLinux
import Glibc

/// Tells what happened in the folders of a spool: inotify where it works, and whoever calls looks now and then anyway.
public final class SpoolWatch {
    /// What happened since the last call.
    public struct Changes: Sendable {
        /// Names in the first folder that are complete.
        public var completed: [String] = []
        /// Names in the first folder that are there and may not be complete.
        public var appeared: [String] = []
        /// The kernel's queue overflowed: look through everything.
        public var overflowed = false
    }
    private let descriptor: Int32
    private let first: Int32

    /// - Parameter folders: the one whose names are told comes first; the others only wake the caller.
    public init(_ folders: [String]) {
        // A lease that is broken while it is held for a moment sends this signal, which would end the process.
        signal(SIGIO, SIG_IGN)
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        let mask = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE)
        let descriptor = descriptor
        let watches = folders.map { descriptor >= 0 ? inotify_add_watch(descriptor, $0, mask) : -1 }
        first = watches.first ?? -1
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Waits until something happens or the time is up.
    /// - Parameter others: more descriptors to wait for.
    public func wait(milliseconds: Int32, others: [Int32] = []) -> Changes {
        var descriptors = (others + [descriptor]).filter { $0 >= 0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        var changes = Changes()
        guard descriptor >= 0, descriptors.last?.revents != 0 else { return changes }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return changes }
            buffer.withUnsafeBytes { note($0, count, &changes) }
        }
    }

    private func note(_ buffer: UnsafeRawBufferPointer, _ count: Int, _ changes: inout Changes) {
        let header = MemoryLayout<inotify_event>.size
        var offset = 0
        while offset + header <= count {
            let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
            let name = buffer[(offset + header)..<min(count, offset + header + Int(event.len))].prefix { $0 != 0 }
            offset += header + Int(event.len)
            if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { changes.overflowed = true }
            guard event.wd == first, !name.isEmpty else { continue }
            let text = String(decoding: name, as: UTF8.self)
            if event.mask & (UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO)) != 0 {
                changes.completed.append(text)
            } else {
                changes.appeared.append(text)
            }
        }
    }
}
