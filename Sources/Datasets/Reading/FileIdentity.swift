import Glibc

/// What the kernel says of a file: equal before and after means that it was not written to in
/// between (the change time cannot be set by hand).
package struct FileIdentity: Sendable, Hashable {
    var device: UInt64
    var number: UInt64
    var byteCount: Int
    var modifiedSeconds: Int
    var modifiedNanoseconds: Int
    var changedSeconds: Int
    var changedNanoseconds: Int
    var isRegular: Bool

    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        byteCount = Int(status.st_size)
        modifiedSeconds = status.st_mtim.tv_sec
        modifiedNanoseconds = status.st_mtim.tv_nsec
        changedSeconds = status.st_ctim.tv_sec
        changedNanoseconds = status.st_ctim.tv_nsec
        isRegular = status.st_mode & S_IFMT == S_IFREG
    }

    /// All of it as one text, for comparison with a stored one.
    var text: String {
        "\(device) \(number) \(byteCount) \(modifiedSeconds).\(modifiedNanoseconds) \(changedSeconds).\(changedNanoseconds)"
    }
}
