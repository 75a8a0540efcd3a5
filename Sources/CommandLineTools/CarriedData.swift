import Glibc
import Manifest
import Spool
import Storage

/// Data that lies beside a manifest, where the daemon would not look for it: `tala submit` carries
/// it along.
struct CarriedData {
    private let folder: String
    /// Below the folder, as the manifest names them.
    let names: [String]

    /// - Parameter folder: where the manifest lies.
    init(_ manifests: [Manifest], beside folder: String, _ layout: SpoolLayout) {
        self.folder = folder
        let files = LinkFree(layout.files)
        let named = manifests.flatMap { [$0.trainingFile, $0.validationFile, $0.adapter.lora?.initFrom].compactMap { $0 } }
        names = Set(named).sorted().filter { name in
            let path = folder + "/" + name
            // What lies in files/ already is found there.
            return !name.isEmpty && !name.hasPrefix("/") && !name.split(separator: "/").contains("..") && access(path, R_OK) == 0
                && !files.contains(path)
        }
    }

    /// Copies the data, with the folders that it lies in, under the same names. The daemon is
    /// another user: all of it is readable whatever the umask says.
    /// - Throws: ``StorageError``.
    func copy(into bundle: String) throws {
        for name in names { try Self.copy(folder + "/" + name, to: bundle, name) }
    }

    private static func copy(_ source: String, to bundle: String, _ name: String) throws {
        var target = bundle
        let parts = name.split(separator: "/").filter { $0 != "." }
        for part in parts.dropLast() {
            target += "/" + part
            if !FolderListing.isFolder(target) { try DurableFiles.makeFolder(target, isNew: true) }
            chmod(target, 0o755)
        }
        target = bundle + "/" + parts.joined(separator: "/")
        var status = stat()
        if stat(source, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            if !FolderListing.isFolder(target) { try DurableFiles.makeFolder(target, isNew: true) }
            chmod(target, 0o755)
            for file in try FolderListing.names(in: source) where FolderListing.byteCount(source + "/" + file) != nil {
                try copy(source + "/" + file, to: target, file)
            }
            return
        }
        _ = try DurableFiles.copy(source, toNew: target)
        chmod(target, 0o644)
    }
}

/// A folder without links in its path.
private struct LinkFree {
    private let path: String?

    init(_ folder: String) { path = Self.real(folder) }

    func contains(_ file: String) -> Bool {
        guard let path, let file = Self.real(file) else { return false }
        return file.hasPrefix(path + "/")
    }

    private static func real(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
