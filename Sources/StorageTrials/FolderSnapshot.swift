import Glibc
import Storage

/// A folder with all its files in memory.
package struct FolderSnapshot: Sendable {
    package let root: String
    /// Relative paths of folders, parents first.
    package private(set) var folders: [String] = []
    /// Relative paths of files, and where their contents stand.
    package private(set) var files: [String: Int] = [:]
    package private(set) var contents: [[UInt8]] = []
    private(set) var links: [String: String] = [:]
    private(set) var modes: [String: UInt32] = [:]

    package init(_ root: String) throws {
        self.root = root
        try visit("")
    }

    private mutating func visit(_ folder: String) throws {
        for name in try PosixFileSystem().names(in: root + "/" + folder) {
            let path = folder.isEmpty ? name : folder + "/" + name
            var status = stat()
            guard lstat(root + "/" + path, &status) == 0 else { continue }
            modes[path] = status.st_mode & 0o7777
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                folders.append(path)
                try visit(path)
            case S_IFREG:
                files[path] = contents.count
                contents.append(try DurableFiles.read(root + "/" + path))
            case S_IFLNK:
                var buffer = [CChar](repeating: 0, count: 4096)
                let count = readlink(root + "/" + path, &buffer, buffer.count - 1)
                links[path] = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            default: break
            }
        }
    }

    init(root: String, folders: [String], files: [String: [UInt8]], like other: FolderSnapshot) {
        self.root = root
        self.folders = folders
        for (path, content) in files {
            self.files[path] = contents.count
            contents.append(content)
        }
        links = other.links
        modes = other.modes
    }

    /// Puts the folder at its root as the snapshot has it; what was there goes.
    package func restore() throws {
        let fileSystem = PosixFileSystem()
        for name in try fileSystem.names(in: root) { FolderListing.delete(root + "/" + name) }
        for folder in folders.sorted() { _ = try fileSystem.perform(.makeFolder(path: root + "/" + folder, mode: modes[folder] ?? 0o755)) }
        for (path, index) in files {
            let flags = O_WRONLY | O_CREAT | O_EXCL
            let descriptor = Int32(try fileSystem.perform(.open(path: root + "/" + path, flags: flags, mode: modes[path] ?? 0o644)))
            defer { close(descriptor) }
            var rest = contents[index][...]
            while !rest.isEmpty {
                rest = rest.dropFirst(try rest.withUnsafeBytes { try fileSystem.perform(.write(descriptor, $0, path: path)) })
            }
        }
        for (path, target) in links where symlink(target, root + "/" + path) != 0 {
            throw StorageError(operation: "link", path: root + "/" + path)
        }
    }
}
