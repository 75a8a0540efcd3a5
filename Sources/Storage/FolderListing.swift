import CLinux
import Glibc

/// What a folder holds.
package enum FolderListing {
    /// Names in a folder, sorted, without `.` and `..`.
    package static func names(in path: String) throws(StorageError) -> [String] { try CurrentFileSystem.value.names(in: path) }

    static func kind(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
    }

    package static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }

    /// Whether there is something of that name; a link counts, whether or not it leads anywhere.
    package static func exists(_ path: String) -> Bool { kind(path) != 0 }

    /// Whether a name leads to something, links followed.
    package static func leads(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The size of a regular file, or nil if there is none.
    package static func byteCount(_ path: String) -> Int? {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }

    /// Relative paths of all files below a folder.
    static func files(beneath path: String, prefix: String = "") throws(StorageError) -> [String] {
        var files: [String] = []
        for name in try names(in: path) {
            let full = path + "/" + name
            if kind(full) == S_IFDIR {
                files += try Self.files(beneath: full, prefix: prefix + name + "/")
            } else {
                files.append(prefix + name)
            }
        }
        return files
    }

    static func folders(beneath path: String, prefix: String = "") throws(StorageError) -> [String] {
        var folders: [String] = []
        for name in try names(in: path) where kind(path + "/" + name) == S_IFDIR {
            folders.append(prefix + name)
            folders += try Self.folders(beneath: path + "/" + name, prefix: prefix + name + "/")
        }
        return folders
    }

    /// Deletes a file or a folder with all that is in it, as far as that is possible; links are
    /// removed, not followed.
    package static func delete(_ path: String) {
        let fileSystem = CurrentFileSystem.value
        if kind(path) == S_IFDIR {
            for name in (try? names(in: path)) ?? [] { delete(path + "/" + name) }
            _ = try? fileSystem.perform(.removeFolder(path: path))
        } else if exists(path) {
            _ = try? fileSystem.perform(.remove(path: path))
        }
    }
}
