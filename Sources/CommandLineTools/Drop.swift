import Glibc
import JSON
package import Manifest
import Spool
import Storage

/// A manifest or a bundle on its way into `incoming/`: written under a name that the daemon does
/// not look at, then renamed.
struct Drop {
    /// The manifest, or the folder with the manifest and its data.
    let path: String
    private let isFolder: Bool
    /// The jobs that the manifest describes, where it is not in a folder with its data.
    private let manifests: [Manifest]?

    private static let manifestNames = ["manifest.json", "manifest.yaml", "manifest.yml"]

    /// - Throws: ``CommandFailure`` if there is nothing of that name, or a manifest that the daemon
    ///   would refuse: better now, while the user is looking.
    init(_ path: String) throws(CommandFailure) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard access(path, F_OK) == 0 else { throw CommandFailure(.notFound, "there is no \(path)") }
        var information = stat()
        isFolder = stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
        guard isFolder else {
            manifests = try Self.check(path)
            return
        }
        manifests = nil
        guard let name = Self.manifestNames.first(where: { access(path + "/" + $0, F_OK) == 0 }) else {
            throw CommandFailure(.notFound, "\(path) contains neither \(Self.manifestNames.joined(separator: " nor "))")
        }
        _ = try Self.check(path + "/" + name)
    }

    private static func check(_ path: String) throws(CommandFailure) -> [Manifest] {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(path, limit: 2 << 20) } catch { throw CommandFailure(.failed, "\(error)") }
        do throws(ManifestError) {
            return try ManifestJobs(ManifestText(bytes, isYAML: !path.hasSuffix(".json"))).jobs.map(\.manifest)
        } catch {
            throw CommandFailure(error, file: path)
        }
    }

    /// Copies the drop into `incoming/`. A manifest whose data lies beside it becomes a bundle with
    /// that data.
    /// - Returns: the name that it has there, which no other drop has.
    func put(into layout: SpoolLayout) throws -> String {
        let carried = manifests.map { CarriedData($0, beside: DurableFiles.split(path).folder, layout) }
        let isBundle = isFolder || carried?.names.isEmpty == false
        let name = name(isBundle: isBundle)
        let temporary = "\(layout.incoming)/.\(name).tmp"
        do {
            if isFolder {
                try Self.copy(folder: path, to: temporary)
            } else if let carried, isBundle {
                try DurableFiles.makeFolder(temporary, isNew: true)
                chmod(temporary, 0o755)
                try Self.copy(file: path, to: temporary + (path.hasSuffix(".json") ? "/manifest.json" : "/manifest.yaml"))
                try carried.copy(into: temporary)
            } else {
                try Self.copy(file: path, to: temporary)
            }
            try DurableFiles.rename(temporary, to: layout.incoming + "/" + name)
        } catch {
            FolderListing.delete(temporary)
            throw error
        }
        return name
    }

    /// The daemon is another user: what is dropped must be readable whatever the umask says.
    private static func copy(file: String, to target: String) throws(StorageError) {
        _ = try DurableFiles.copy(file, toNew: target)
        chmod(target, 0o644)
    }

    private static func copy(folder: String, to target: String) throws(StorageError) {
        try DurableFiles.makeFolder(target, isNew: true)
        chmod(target, 0o755)
        for name in try FolderListing.names(in: folder) {
            let file = folder + "/" + name
            if FolderListing.isFolder(file) {
                try copy(folder: file, to: target + "/" + name)
            } else {
                try copy(file: file, to: target + "/" + name)
            }
        }
    }

    /// A name made of what the daemon allows in one, with a part of its own that tells this drop
    /// from all others.
    private func name(isBundle: Bool) -> String {
        let stamp = "\(getpid())-\(UInt32.random(in: .min ... .max))"
        let own = DurableFiles.split(realName).name
        guard !isFolder else { return "\(Self.plain(own))-\(stamp)" }
        let known = [".json", ".yaml", ".yml"].first { own.hasSuffix($0) }
        let base = Self.plain(String(own.dropLast(known?.count ?? 0)))
        if isBundle { return "\(base)-\(stamp)" }
        // Whatever the file is called, it was read as one of the two.
        return "\(base).\(stamp)\(known ?? ".yaml")"
    }

    /// The path itself, unless it ends in a name that says nothing, such as `.`.
    private var realName: String {
        guard isFolder, let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func plain(_ text: String) -> String {
        let characters = text.prefix(80).map { character -> Character in
            character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character)) ? character : "_"
        }
        return characters.first.map { $0 == "." } ?? true ? "_" + String(characters) : String(characters)
    }
}

extension CommandFailure {
    /// A manifest that cannot be used, with its place.
    package init(_ error: ManifestError, file: String) {
        self.init(
            .rejected, "\(file): \(error)",
            details: [
                JSONMember("reason", JSONNode(error.code)), JSONMember("param", error.param.map { JSONNode($0) } ?? .null),
                JSONMember("file", JSONNode(file)), JSONMember("line", error.position.map { JSONNode($0.line) } ?? .null),
                JSONMember("column", error.position.map { JSONNode($0.column) } ?? .null),
            ])
    }
}
