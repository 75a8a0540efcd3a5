import Glibc
import Storage

/// Listening on a Unix socket.
package enum UnixSocket {
    package struct Failure: Error, CustomStringConvertible {
        var path: String
        var call: String
        var errorNumber: Int32

        package var description: String { "\(path): \(call): \(String(cString: strerror(errorNumber)))" }
    }

    /// A listening socket that only this user and group reach; a file of that name goes first.
    /// - Throws: ``Failure``, also for a path longer than a socket's may be.
    package static func listen(_ path: String) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(path: path, call: "a socket's path has at most 107 bytes", errorNumber: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(path: path, call: "socket", errorNumber: errno) }
        try? DurableFiles.remove(path)
        let mask = umask(0o117)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        umask(mask)
        guard bound == 0, Glibc.listen(descriptor, 64) == 0 else {
            let failure = Failure(path: path, call: "bind", errorNumber: errno)
            close(descriptor)
            throw failure
        }
        return descriptor
    }
}
