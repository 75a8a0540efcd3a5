import Glibc

/// A file operation that failed: which one, on which path, with which error number.
package struct StorageError: Error, Sendable, Hashable {
    package var operation: String
    package var path: String
    package var errorNumber: Int32

    /// - Parameter errorNumber: nil takes the calling thread's `errno`.
    package init(operation: String, path: String, errorNumber: Int32? = nil) {
        self.operation = operation
        self.path = path
        self.errorNumber = errorNumber ?? errno
    }

    package var isMissing: Bool { errorNumber == ENOENT }
    /// Something of the process or the machine ran out for the moment: the same may work later.
    package var isTransient: Bool { [ENOMEM, EMFILE, ENFILE, EAGAIN].contains(errorNumber) }
    /// The device is full or a quota is used up: waiting may help.
    package var isOutOfSpace: Bool { errorNumber == ENOSPC || errorNumber == EDQUOT }
}

extension StorageError: CustomStringConvertible {
    package var description: String { "\(operation) \(path): \(String(cString: strerror(errorNumber)))" }
}
