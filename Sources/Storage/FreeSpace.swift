import Glibc

/// How much room a file system has.
package enum FreeSpace {
    /// Bytes that this process may still write where `path` lies, or nil if that cannot be told.
    package static func byteCount(at path: String) -> Int? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let blocks = geteuid() == 0 ? status.f_bfree : status.f_bavail
        let (product, overflow) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int(clamping: product)
    }

    /// - Throws: ``StorageError`` with ENOSPC if there is less room than `count` bytes.
    package static func require(_ count: Int, at path: String) throws(StorageError) {
        if let free = byteCount(at: path), free < count {
            throw StorageError(operation: "find \(count) free bytes (there are \(free)) at", path: path, errorNumber: ENOSPC)
        }
    }
}
