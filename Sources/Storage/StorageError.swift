import Glibc

/// A file operation that failed: which one, on which path, with which error number.
public struct StorageError: Error, Sendable, Hashable {
    public var operation: String
    public var path: String
    public var errorNumber: Int32

    /// - Parameter errorNumber: nil takes the calling thread's `errno`.
    public init(operation: String, path: String, errorNumber: Int32? = nil) {
        self.operation = operation
        self.path = path
        self.errorNumber = errorNumber ?? errno
    }

    public var isMissing: Bool { errorNumber == ENOENT }
    /// Something of the process or the machine ran out for the moment: the same may work later.
    public var isTransient: Bool { [ENOMEM, EMFILE, ENFILE, EAGAIN].contains(errorNumber) }
    /// The device is full or a quota is used up: waiting may help.
    public var isOutOfSpace: Bool { errorNumber == ENOSPC || errorNumber == EDQUOT }
}

extension StorageError: CustomStringConvertible {
    public var description: String { "\(operation) \(path): \(String(cString: strerror(errorNumber)))" }
}
