import CLinux
import Glibc
import Jobs
package import Manifest
import Storage
import Tensors

/// What the names in a manifest mean: one answer for the daemon that accepts it and for `tala`,
/// which says beforehand what the daemon will say.
package struct ManifestResolver: Sendable {
    /// Data that comes with a manifest.
    package struct Bundle: Sendable {
        package var path: String
        /// Whether links in it are followed: where its owner looks at it, before `tala submit`
        /// copies what they lead to.
        package var followsLinks: Bool

        package init(path: String, followsLinks: Bool) {
            self.path = path
            self.followsLinks = followsLinks
        }
    }
    /// Everything that a manifest names.
    package struct Files: Sendable, Hashable {
        package var modelPath: String
        package var training: JobAcceptance.Source
        package var validation: JobAcceptance.Source?
        package var initialAdapter: JobAcceptance.Source?
        /// The folder of the model that an evaluation compares with, or from which another learns.
        package var comparisonPath: String?
    }

    private let layout: SpoolLayout
    /// The spool as it was named, where that is another path than its own.
    private let alias: SpoolLayout?
    private let resolver: PathResolver
    /// Whether any absolute path may be named, since nobody has said which.
    private let allowsAll: Bool

    /// - Parameters:
    ///   - name: how the spool was named, which may be a link.
    ///   - allowedRoots: folders in which absolute paths must lie beside `files/` and `models/`;
    ///     nil: it is not known which the daemon has.
    package init(layout: SpoolLayout, named name: String? = nil, allowedRoots: [String]?) {
        self.layout = layout
        alias = name.flatMap { $0 == layout.root ? nil : SpoolLayout(root: $0.hasSuffix("/") ? String($0.dropLast()) : $0) }
        resolver = PathResolver(allowedRoots: allowedRoots ?? ["/"])
        allowsAll = allowedRoots == nil
    }

    /// Finds all that a manifest names, as far as its submitter could read it.
    /// - Parameter mayUse: whether the submitter may use the results of a job.
    /// - Throws: `ManifestError`, ``StorageError``.
    package func files(
        of manifest: Manifest, bundle: Bundle?, for submitter: Submitter, mayUse: (_ job: String) throws -> Bool
    ) throws -> Files {
        // A job that trains nothing has one file, which takes the first place.
        let validation = try manifest.validationFile.map { try file($0, "validation_file", bundle, submitter) }
        let training = manifest.method.trains ? nil : validation
        return Files(
            modelPath: try model(manifest.model, for: submitter, mayUse: mayUse),
            training: try training ?? file(manifest.trainingFile, "training_file", bundle, submitter),
            validation: manifest.method.trains ? validation : nil,
            initialAdapter: try manifest.adapter.lora?.initFrom.map {
                // A job's id means the adapter in its result.
                let place = JobIdentifier.isJob($0) ? $0 + "/result/adapter" : $0
                return try find(place, "adapter.init_from", bundle, [\.files, \.models, \.jobs], submitter)
            }, comparisonPath: try comparison(manifest, for: submitter, mayUse: mayUse))
    }

    /// The model from which another learns, or what an evaluation compares with: the model without
    /// its adapter or that a job began with, where the manifest says `base`, or any other.
    private func comparison(_ manifest: Manifest, for submitter: Submitter, mayUse: (String) throws -> Bool) throws -> String? {
        if let distillation = manifest.method.specification as? Manifest.Distillation {
            return try model(distillation.teacher, "method.distillation.teacher", for: submitter, mayUse: mayUse)
        }
        guard let name = (manifest.method.specification as? Manifest.EvaluationMethod)?.comparison else { return nil }
        guard name == "base" else { return try model(name, "method.evaluation.compare_with", for: submitter, mayUse: mayUse) }
        if manifest.adapter.lora?.initFrom != nil { return try model(manifest.model, for: submitter, mayUse: mayUse) }
        if JobIdentifier.isJob(manifest.model), try mayUse(manifest.model),
            let base = try? layout.job(manifest.model).acceptance().modelPath
        {
            return base
        }
        throw ManifestError(
            code: "invalid_value",
            message: "is base, but the model is neither a job's nor has it an adapter (adapter.init_from): name a model to compare with",
            param: "method.evaluation.compare_with")
    }

    private func file(_ name: String, _ param: String, _ bundle: Bundle?, _ submitter: Submitter) throws -> JobAcceptance.Source {
        let found = try find(name, param, bundle, [\.files], submitter)
        if FolderListing.isFolder(found.path) {
            throw ManifestError(code: "invalid_value", message: "\"\(name)\" is a folder: name the file in it", param: param)
        }
        if FolderListing.byteCount(found.path) == nil, !(found.isInBundle && bundle?.followsLinks == true) {
            throw ManifestError(code: "invalid_value", message: "\"\(name)\" is not a regular file", param: param)
        }
        return found
    }

    /// The folders of the spool in which a name is looked for, under all names that they have.
    private func places(_ folders: [KeyPath<SpoolLayout, String>], for name: String) -> [String] {
        let aliases = name.hasPrefix("/") ? alias.map { alias in folders.map { alias[keyPath: $0] } } : nil
        return folders.map { layout[keyPath: $0] } + (aliases ?? [])
    }

    private func find(
        _ name: String, _ param: String, _ bundle: Bundle?, _ folders: [KeyPath<SpoolLayout, String>], _ submitter: Submitter
    ) throws -> JobAcceptance.Source {
        if let bundle, !name.hasPrefix("/") {
            if bundle.followsLinks {
                // The user's own look: what the user can read there is what is copied.
                let path = bundle.path + "/" + name
                if !name.split(separator: "/").contains(".."), access(path, R_OK) == 0 {
                    return JobAcceptance.Source(path: path, root: bundle.path, isInBundle: true)
                }
            } else if case .found(let found) = try resolver.find(name, bundle: bundle.path, for: submitter) {
                return JobAcceptance.Source(path: found.path, root: found.root, isInBundle: true)
            }
        }
        switch try resolver.find(name, in: places(folders, for: name), for: submitter) {
        case .found(let found): return JobAcceptance.Source(path: found.path, root: found.root, isInBundle: false)
        case .leadsOut(let link):
            let goesUp = link.split(separator: "/").contains("..")
            throw ManifestError(
                code: "not_found",
                message: "\"\(name)\" is not reachable: \(link) \(goesUp ? "leads" : "is a link that leads") outside of files/ and the "
                    + "allowed roots; \(goesUp ? "put the file into files/" : "copy the file itself (cp -L)")", param: param)
        case .missing:
            let places = (bundle == nil ? "" : "the bundle, ") + "files/ or an allowed root, or you may not read it"
            let remedy = bundle == nil && !name.hasPrefix("/") ? ": put it into files/, or submit the folder that holds it" : ""
            let meant =
                Self.nearest(name, in: (bundle.map { [$0.path] } ?? []) + folders.prefix(1).map { layout[keyPath: $0] }).map {
                    "; did you mean \"\($0)\"?"
                } ?? ""
            throw ManifestError(code: "not_found", message: "\"\(name)\" is not in \(places)\(remedy)\(meant)", param: param)
        }
    }

    /// A model is a folder or a GGUF file in `models/` or under an allowed root, or the result of a
    /// finished job.
    /// - Parameter param: the key that names it.
    private func model(_ name: String, _ param: String = "model", for submitter: Submitter, mayUse: (String) throws -> Bool) throws
        -> String
    {
        if JobIdentifier.isJob(name) {
            if try mayUse(name), let path = ModelFolders.model(inResult: layout.job(name).result) { return path }
            throw ManifestError(code: "not_found", message: "the job \(name) has no finished model that you may use", param: param)
        }
        // models/ belongs to the administrator: whoever may submit may use what lies there, and a
        // link there to a model elsewhere is meant.
        if let below = belowModels(name), let path = Self.realPath(layout.models + "/" + below) {
            return try checked(path, name, param, Submitter(user: 0, groups: [], name: "root"))
        }
        if name.hasPrefix("/") {
            switch try resolver.find(name, in: [], for: submitter) {
            case .found(let found): return try checked(found.path, name, param, submitter)
            case .leadsOut(let link):
                throw ManifestError(
                    code: "not_found", message: "\(link) is a link that leads outside of models/ and the allowed roots", param: param)
            case .missing: break
            }
        }
        let known = ((try? FolderListing.names(in: layout.models)) ?? []).filter { !$0.hasPrefix(".") }
        throw ManifestError(
            code: "not_found",
            message: "there is no model \"\(name)\" in models/"
                + (known.isEmpty ? ", which is empty" : "; there are \(known.prefix(20).joined(separator: ", "))")
                + (Self.hubName(name).map { "; tala models pull \(name) gets it from a hub, and it is then called \($0)" } ?? ""),
            param: param)
    }

    /// A model's name below `models/`: without `.`, without anything hidden; nil if it is none.
    private func belowModels(_ name: String) -> String? {
        var below = name
        if name.hasPrefix("/") {
            let roots = places([\.models], for: name).compactMap { LinkWalk.Root($0) }
            guard let rest = roots.lazy.compactMap({ $0.remainder(of: name) }).first else { return nil }
            below = rest
        }
        let words = below.split(separator: "/").filter { $0 != "." }
        return words.isEmpty || words.contains { $0.hasPrefix(".") } ? nil : words.joined(separator: "/")
    }

    /// A model's path, if it is one and its files are where a worker may read them. A download
    /// cache keeps them elsewhere, behind links.
    private func checked(_ folder: String, _ name: String, _ param: String, _ submitter: Submitter) throws -> String {
        func failure(_ message: String) -> ManifestError { ManifestError(code: "not_found", message: message, param: param) }
        var files: [String] = []
        if FolderListing.isFolder(folder) {
            do throws(StorageError) { files = try FolderListing.names(in: folder) } catch {
                // What cannot be told now is asked again; what may not be told is an answer.
                if error.isTransient || error.errorNumber == EIO { throw error }
                throw failure("\"\(name)\" cannot be read: \(error)")
            }
        }
        for file in files where !file.hasPrefix(".") && Self.isLink(folder + "/" + file) && !allowsAll {
            switch try resolver.find(folder + "/" + file, in: [folder, layout.models], for: submitter) {
            case .found: continue
            case .leadsOut:
                throw failure(
                    "\(file) of \"\(name)\" is a link that leads outside of models/ and the allowed roots: copy the folder with its files (cp -rL), "
                        + "or have the administrator allow a root that holds both (--allow-root)")
            case .missing:
                throw failure("\(file) of \"\(name)\" is a link to nothing that you may read: copy the folder with its files (cp -rL)")
            }
        }
        for marker in ModelFolders.markers(of: folder) {
            if case .found = try resolver.find(marker, in: [folder, layout.models], for: submitter) { return folder }
        }
        throw failure(
            "\"\(name)\" is no model that you may read: a model is a folder with config.json, tokenizer.json and its weights, "
                + "or a GGUF file")
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    private static func realPath(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
