import CLinux
import Glibc
import Storage

/// A drop that this daemon has taken for itself: renamed out of `incoming/`, read once.
public struct Claim: Sendable {
    /// The name as it was dropped.
    public let name: String
    /// Where the drop lies now.
    public let path: String
    /// The folder with the manifest's data, if a folder was dropped.
    public let bundle: String?
    public let manifestBytes: [UInt8]
    public let isYAML: Bool
    /// The user id of who dropped it.
    public let owner: Int

    /// Why a drop cannot be taken as a manifest.
    public struct Refusal: Error, Sendable {
        public var message: String
        public var path: String
        public var manifestBytes: [UInt8]
    }

    /// Whether a name in `incoming/` is one to look at: writers use the others while they write.
    public static func isCandidate(_ name: String) -> Bool {
        !name.hasPrefix(".") && ![".tmp", ".part", ".swp"].contains { name.hasSuffix($0) } && !name.hasSuffix("~")
    }

    /// Takes a drop by one rename into a folder that nobody else writes to.
    /// - Returns: nil if somebody else was faster.
    /// - Throws: ``Refusal`` if it is no manifest, ``StorageError``.
    public init?(_ name: String, in layout: SpoolLayout, claimFolder: String) throws {
        try DurableFiles.makeFolder(claimFolder, mode: 0o700)
        let target = claimFolder + "/drop"
        do throws(StorageError) { try DurableFiles.rename(layout.incoming + "/" + name, to: target) } catch {
            FolderListing.delete(claimFolder)
            if error.isMissing { return nil }
            throw error
        }
        self.name = name
        path = target
        var status = stat()
        guard lstat(target, &status) == 0 else { throw StorageError(operation: "stat", path: target) }
        func refusal(_ message: String) -> Refusal { Refusal(message: message, path: target, manifestBytes: []) }
        guard name.utf8.count <= 128,
            name.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "._-".utf8.contains($0)
            })
        else {
            throw refusal("its name may hold letters, digits, '.', '_' and '-' only, 128 at most")
        }
        let manifest: String
        if status.st_mode & S_IFMT == S_IFDIR {
            bundle = target
            let names = try FolderListing.names(in: target)
            guard let found = ["manifest.json", "manifest.yaml", "manifest.yml"].first(where: { names.contains($0) }) else {
                throw refusal("the folder holds no manifest.json or manifest.yaml")
            }
            manifest = target + "/" + found
            isYAML = !found.hasSuffix(".json")
        } else {
            bundle = nil
            manifest = target
            isYAML = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
            guard isYAML || name.hasSuffix(".json") else { throw refusal("its name ends in neither .json nor .yaml") }
        }
        let descriptor = tala_open(manifest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw refusal("it cannot be opened, or is a link") }
        defer { close(descriptor) }
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw refusal("it is no regular file") }
        guard status.st_nlink == 1 else { throw refusal("it has more than one name (hard links)") }
        guard status.st_size <= 1 << 20 else { throw refusal("it is larger than 1 MiB") }
        owner = Int(status.st_uid)
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw refusal("it cannot be read") }
            if count == 0 { break }
            filled += count
        }
        manifestBytes = Array(bytes.prefix(filled))
    }
}
