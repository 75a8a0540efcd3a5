import Glibc
import Storage

/// A file that grows hidden beside its place until it is whole, and is gone on with where an
/// earlier go was broken off.
///
/// A note says how many bytes are synced, and of what: only these are believed. What the file is
/// made of must be the same to the byte.
final class PartialFile {
    private let target: String
    private let folder: String
    private let origin: String
    private let interval: Int
    private let file: ResumedFile
    /// Held until the end.
    private let lock: FileLock
    /// Bytes at the last note.
    private var noted: Int

    var byteCount: Int { file.byteCount }

    /// - Parameters:
    ///   - origin: a digest of all that the file is made of.
    ///   - interval: bytes after which what is written is synced and noted.
    /// - Throws: ``StorageError``; EBUSY where another process writes the same file.
    init(_ target: String, origin: String, interval: Int) throws(StorageError) {
        (self.target, self.origin, self.interval) = (target, origin, interval)
        let (parent, name) = DurableFiles.split(target)
        folder = "\(parent)/.export-\(name)"
        try DurableFiles.makeFolder(folder)
        guard let lock = try FileLock(path: folder + "/.lock") else {
            throw StorageError(operation: "write (another process does)", path: target, errorNumber: EBUSY)
        }
        self.lock = lock
        file = try ResumedFile(folder + "/data")
        noted = 0
        noted = Self.noted(folder, origin, of: file.byteCount)
        try file.cut(to: noted)
    }

    /// How many bytes of a file of the same origin are known to be on the disk.
    private static func noted(_ folder: String, _ origin: String, of byteCount: Int) -> Int {
        guard let note = try? DurableFiles.read(folder + "/note", limit: 1 << 12) else { return 0 }
        let words = String(decoding: note, as: UTF8.self).split(separator: " ")
        guard words.count == 2, words[0] == origin, let count = Int(words[1]), (0...byteCount).contains(count) else { return 0 }
        return count
    }

    func append(_ bytes: [UInt8]) throws(StorageError) { try file.append(bytes) }

    /// Told where a part is whole, from which the next go can go on.
    func pass() throws(StorageError) {
        guard file.byteCount - noted >= interval else { return }
        try file.sync()
        try DurableFiles.replace(folder + "/note", with: "\(origin) \(file.byteCount)")
        noted = file.byteCount
    }

    /// Throws away what is there.
    func discard() { FolderListing.delete(folder) }

    /// Gives the file its name.
    func finish() throws(StorageError) {
        try file.finish()
        try DurableFiles.rename(folder + "/data", to: target)
        try DurableFiles.syncFolder(DurableFiles.split(target).folder)
        FolderListing.delete(folder)
    }
}
