package import Storage
import Tensors

/// Copies a model that lies elsewhere on this machine into a folder: a Hugging Face folder, a
/// folder of its download cache, one of their files, or a GGUF file with its parts.
package struct ModelCopy {
    /// Why there is nothing to copy.
    package struct NotFound: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// The folder of the files, which may be links to where they lie.
    package let folder: String
    /// What the model is called.
    package let name: String
    package let source: ModelSource
    /// The names of the GGUF file and its other parts; nil for a Hugging Face folder.
    private let parts: [String]?

    /// - Parameters:
    ///   - place: a path, or `OWNER/NAME` of a model in the download cache.
    ///   - cache: the folder of Hugging Face's downloads.
    /// - Throws: ``NotFound``.
    package init(_ place: String, cache: String?) throws(NotFound) {
        var path = place
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        if !FolderListing.leads(path), let reference = try? HubReference(path), let cache {
            let cached = "\(cache)/models--\(reference.owner)--\(reference.name)"
            guard FolderListing.isFolder(cached) else {
                throw NotFound(
                    description: "there is no \(place), neither as a path nor in \(cache); tala models pull \(place) downloads it")
            }
            path = cached
        }
        guard FolderListing.leads(path) else { throw NotFound(description: "there is no \(place)") }
        if let file = try Self.gguf(path) {
            let (parent, last) = DurableFiles.split(file)
            let part = GGUFNames.part(last)
            let parts = GGUFNames.files(of: file).map { DurableFiles.split($0).name }
            guard parts.count == part?.count ?? 1 else {
                throw NotFound(description: "\(file) is one of \(part?.count ?? 1) parts, of which \(parent) holds \(parts.count)")
            }
            (folder, self.parts) = (parent, parts)
            name = part?.base ?? String(last.dropLast(GGUFNames.ending.count))
            source = ModelSource(place: file, repository: nil, commit: nil)
            return
        }
        parts = nil
        let (parent, last) = DurableFiles.split(path)
        let inside = (try? FolderListing.names(in: path)) == nil ? parent : path
        if inside == path, last.hasPrefix("models--") {
            (folder, name, source) = try Self.cached(path, last)
        } else {
            let snapshot = Self.cacheFolder(ofSnapshot: inside)
            folder = inside
            name = snapshot.map { Self.name(ofCache: $0.name) } ?? DurableFiles.split(inside).name
            source = ModelSource(
                place: inside, repository: snapshot.map { Self.repository(ofCache: $0.name) }, commit: snapshot?.commit)
        }
        guard FolderListing.leads(folder + "/config.json") else {
            throw NotFound(
                description: "\(folder) holds no config.json and no GGUF file: a model is a folder with config.json, weights in "
                    + "safetensors and tokenizer.json, or a GGUF file")
        }
    }

    /// The GGUF file that a path means: itself, or the only model of a folder that has nothing
    /// else.
    private static func gguf(_ path: String) throws(NotFound) -> String? {
        guard FolderListing.isFolder(path) else { return path.hasSuffix(GGUFNames.ending) ? path : nil }
        guard ModelFolders.form(of: path) == .gguf else { return nil }
        let models = GGUFNames.models(in: path)
        guard models.count == 1 else {
            throw NotFound(description: "\(path) holds several models: \(models.joined(separator: ", ")); name the file that is meant")
        }
        return path + "/" + models[0]
    }

    /// A folder of the cache: `refs/main` says which snapshot is meant, where there are several.
    private static func cached(_ path: String, _ last: String) throws(NotFound) -> (String, String, ModelSource) {
        let snapshots = ((try? FolderListing.names(in: path + "/snapshots")) ?? []).filter { !$0.hasPrefix(".") }
        let main = (try? DurableFiles.read(path + "/refs/main", limit: 256)).map {
            String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }
        }
        guard let commit = snapshots.count == 1 ? snapshots[0] : snapshots.first(where: { $0 == main }) else {
            throw NotFound(
                description: snapshots.isEmpty
                    ? "\(path) holds no snapshot: its download has not ended"
                    : "\(path) holds \(snapshots.count) snapshots and no refs/main: name one of the folders in \(path)/snapshots")
        }
        let source = ModelSource(place: path, repository: repository(ofCache: last), commit: commit)
        return (path + "/snapshots/" + commit, name(ofCache: last), source)
    }

    private static func cacheFolder(ofSnapshot path: String) -> (name: String, commit: String)? {
        let parts = path.split(separator: "/")
        guard parts.count >= 3, parts[parts.count - 2] == "snapshots", parts[parts.count - 3].hasPrefix("models--") else { return nil }
        return (String(parts[parts.count - 3]), String(parts[parts.count - 1]))
    }

    /// `models--OWNER--NAME`.
    private static func repository(ofCache name: String) -> String { String(name.dropFirst("models--".count)).replacing("--", with: "/") }

    private static func name(ofCache name: String) -> String { DurableFiles.split(repository(ofCache: name)).name }

    /// The files that are needed, those of the weights last.
    package func files() throws(StorageError) -> [String] {
        if let parts { return parts }
        let names = try FolderListing.names(in: folder)
        let templates = "additional_chat_templates"
        let named = names.contains(templates) ? try FolderListing.names(in: folder + "/" + templates).map { templates + "/" + $0 } : []
        let weights = names.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }
        let index = names.contains(NeededFiles.index) ? [NeededFiles.index] : []
        return (names + named).filter(NeededFiles.isText) + index + weights
    }

    /// Copies the files, whole and verified or not at all.
    /// - Parameters:
    ///   - replaces: a folder that is there goes when the new one is whole.
    ///   - progress: told of each file before it is copied.
    /// - Throws: ``HubError/exists(_:)``, ``StorageError``.
    package func copy(to target: String, replacing replaces: Bool, progress: (String) -> Void = { _ in }) throws {
        guard replaces || !FolderListing.exists(target) else { throw HubError.exists(target) }
        let files = try files()
        try WholeFolder.buildWithDigests(target) { temporary in
            var copies: [String: DurableFiles.Copy] = [:]
            for file in files {
                progress(file)
                if let slash = file.lastIndex(of: "/") { try DurableFiles.makeFolder(temporary + "/" + file[..<slash]) }
                copies[file] = try DurableFiles.copy(folder + "/" + file, toNew: temporary + "/" + file)
            }
            try source.save(in: temporary)
            return copies
        }
    }

    /// The folder of Hugging Face's downloads, as the environment has it.
    package static func cacheFolder(_ environment: (String) -> String? = HubEndpoint.variable) -> String? {
        if let folder = environment("HF_HUB_CACHE") { return folder }
        if let folder = environment("HF_HOME") { return folder + "/hub" }
        if let folder = environment("XDG_CACHE_HOME") { return folder + "/huggingface/hub" }
        return environment("HOME").map { $0 + "/.cache/huggingface/hub" }
    }
}
