import CLinux
import Glibc

/// Tells what happened in the folders of a spool: inotify where it works; the caller also looks
/// from time to time.
package final class SpoolWatch {
    /// What happened since the last call.
    package struct Changes: Sendable {
        /// Names in the first folder that are complete.
        package var completed: [String] = []
        /// Names in the first folder that are there and may not be complete.
        package var appeared: [String] = []
        /// The kernel's queue overflowed: look through everything.
        package var overflowed = false
    }
    private let folders: [String]
    private var descriptor: Int32 = -1
    private var first: Int32 = -1
    /// Calls since something was missing, so that it is not asked for all the time.
    private var callsWithout = 0

    /// - Parameter folders: the one whose names are told comes first; the others only wake the
    ///   caller.
    package init(_ folders: [String]) {
        // A lease that is broken while it is held for a moment sends this signal, which would end
        // the process.
        signal(SIGIO, SIG_IGN)
        self.folders = folders
        open()
    }

    /// - Returns: whether every folder is watched. Descriptors and watches may run out for a while.
    @discardableResult
    private func open() -> Bool {
        if descriptor >= 0 { close(descriptor) }
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return false }
        let mask = UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE)
        let watches = folders.map { inotify_add_watch(descriptor, $0, mask) }
        first = watches.first ?? -1
        isWhole = !watches.contains { $0 < 0 }
        return isWhole
    }
    private var isWhole = false

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Waits until something happens or the time is up.
    /// - Parameter others: more descriptors to wait for.
    package func wait(milliseconds: Int32, others: [Int32] = []) -> Changes {
        var descriptors = (others + [descriptor]).filter { $0 >= 0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        var changes = Changes()
        if descriptor < 0 || !isWhole {
            callsWithout += 1
            // What came before it could be seen is looked for.
            if callsWithout % 16 == 0, open() { changes.overflowed = true }
        }
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
