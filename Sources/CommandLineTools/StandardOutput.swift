import Glibc
package import JSON
package import Storage

/// What a program prints. `print` hides a line that could not be written; here it is an error, so
/// that a full disk or a reader that has gone never looks like success.
package enum StandardOutput {
    /// Writes a line.
    package static func line(_ text: String = "") throws(StorageError) { try write(text + "\n") }

    /// Writes a JSON document and a line end.
    package static func json(_ node: JSONNode, isIndented: Bool = true) throws(StorageError) {
        try line(JSONWriter(isIndented: isIndented).string(node))
    }

    /// Writes text as it is, without buffering.
    package static func write(_ text: String) throws(StorageError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var event = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&event, 1, -1)
            } else if errno != EINTR {
                throw StorageError(operation: "write", path: "standard output")
            }
        }
    }

    /// Opens what the caller has closed of the three standard streams, so that no file of the spool
    /// gets their numbers. Standard output becomes a file that can only be read: writing to it
    /// stays an error.
    static func reserveDescriptors() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
