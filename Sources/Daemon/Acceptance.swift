import Glibc
import JSON
import Jobs
import Spool
import Storage

/// Turns drops into jobs, or into rejections that say why.
struct Acceptance {
    let layout: SpoolLayout
    let resolver: PathResolver

    enum Result {
        case accepted(JobStatus)
        case rejected(name: String, message: String)
        /// Somebody else took it, or it is not there any more.
        case gone
    }

    /// Claims and judges one drop.
    /// - Throws: ``StorageError`` if the spool itself cannot be written.
    func take(_ name: String, milliseconds: UInt64) throws -> Result {
        let id = JobIdentifier.job(milliseconds: milliseconds)
        let claimFolder = layout.jobs + "/.claim-" + id
        let claim: Claim
        do {
            guard let taken = try Claim(name, in: layout, claimFolder: claimFolder) else { return .gone }
            claim = taken
        } catch let refusal as Claim.Refusal {
            let error = ManifestError(code: "invalid_manifest", message: refusal.message)
            try reject(name, drop: refusal.path, claimFolder: claimFolder, error)
            return .rejected(name: name, message: error.description)
        }
        do {
            let manifest = try Manifest(ManifestText(claim.manifestBytes, isYAML: claim.isYAML))
            let status = try admit(claim, manifest, id: id, claimFolder: claimFolder, createdAt: Int(milliseconds / 1000))
            return .accepted(status)
        } catch let error as ManifestError {
            try reject(name, drop: claim.path, claimFolder: claimFolder, error)
            return .rejected(name: name, message: error.description)
        }
    }

    private func admit(_ claim: Claim, _ manifest: Manifest, id: String, claimFolder: String, createdAt: Int) throws -> JobStatus {
        // The job's folder is built out of sight; what was dropped with the manifest moves into it.
        let building = layout.jobs + "/.new-" + id
        FolderListing.delete(building)
        try DurableFiles.makeFolder(building, isNew: true)
        let final = layout.jobs + "/" + id
        func missing(_ param: String, _ name: String, _ places: String) -> ManifestError {
            ManifestError(code: "not_found", message: "\"\(name)\" is not in \(places)", param: param)
        }
        do {
            let bundleFolders = claim.bundle.map { [$0] } ?? []
            func find(_ name: String, _ param: String, _ folders: [String], _ places: String) throws(ManifestError) -> String {
                guard let path = resolver.find(name, in: folders) else { throw missing(param, name, places) }
                // What lies in the bundle will lie in the job's folder.
                if let bundle = claim.bundle, path.hasPrefix(bundle + "/") { return final + "/bundle" + path.dropFirst(bundle.count) }
                return path
            }
            let dataPlaces = (claim.bundle == nil ? "" : "the bundle, ") + "files/ or an allowed root"
            let acceptance = JobAcceptance(
                createdAt: createdAt, owner: claim.owner, modelPath: try modelPath(manifest.model),
                trainingPath: try find(manifest.trainingFile, "training_file", bundleFolders + [layout.files], dataPlaces),
                validationPath: try manifest.validationFile.map { name throws(ManifestError) in
                    try find(name, "validation_file", bundleFolders + [layout.files], dataPlaces)
                },
                initialAdapterPath: try manifest.adapter.initFrom.map { name throws(ManifestError) in
                    try find(name, "adapter.init_from", bundleFolders + [layout.files, layout.models, layout.jobs], dataPlaces)
                })
            for other in manifest.after where !JobIdentifier.isJob(other) || access(layout.jobs + "/" + other, F_OK) != 0 {
                throw ManifestError(code: "not_found", message: "there is no job \"\(other.prefix(64))\"", param: "after")
            }
            var status = JobStatus(id: id, state: .queued, createdAt: createdAt, manifest: manifest)
            status.owner = claim.owner
            let job = JobFolder(path: building)
            try DurableFiles.replace(job.manifestFile, with: JSONWriter(isIndented: true).string(manifest.json) + "\n")
            try DurableFiles.replace(job.acceptanceFile, with: JSONWriter(isIndented: true).string(acceptance.json) + "\n")
            try DurableFiles.replace(job.statusFile, with: JSONWriter(isIndented: true).string(status.json) + "\n")
            let events = try AppendLog(path: job.eventsFile)
            let event = JobEvent(sequence: 1, createdAt: createdAt, message: "Created fine-tuning job: \(id)", data: nil)
            try events.append(JSONWriter().string(event.json(job: id)))
            try DurableFiles.makeFolder(job.controls)
            if let bundle = claim.bundle { try DurableFiles.rename(bundle, to: building + "/bundle") }
            try DurableFiles.syncFolder(building)
            try DurableFiles.rename(building, to: final)
            try DurableFiles.syncFolder(layout.jobs)
            FolderListing.delete(claimFolder)
            return status
        } catch {
            FolderListing.delete(building)
            throw error
        }
    }

    /// A model is a name in `models/`, a finished job, or a folder under an allowed root.
    private func modelPath(_ name: String) throws(ManifestError) -> String {
        if JobIdentifier.isJob(name) {
            for kind in ["merged", "model"] {
                let path = layout.job(name).result + "/" + kind
                if access(path + "/config.json", F_OK) == 0 { return path }
            }
            throw ManifestError(code: "not_found", message: "the job \(name) has no finished model", param: "model")
        }
        // models/ belongs to the administrator, whose links to other places are meant.
        if !name.hasPrefix("/"), !name.hasPrefix("."), !name.contains("..") {
            let path = layout.models + "/" + name
            if access(path + "/config.json", F_OK) == 0 { return path }
        }
        if name.hasPrefix("/"), let path = resolver.find(name, in: []), access(path + "/config.json", F_OK) == 0 { return path }
        let known = ((try? FolderListing.names(in: layout.models)) ?? []).filter { !$0.hasPrefix(".") }
        throw ManifestError(
            code: "not_found",
            message: "there is no model \"\(name)\" in models/"
                + (known.isEmpty ? ", which is empty" : "; there are \(known.prefix(20).joined(separator: ", "))"), param: "model")
    }

    private func reject(_ name: String, drop: String, claimFolder: String, _ error: ManifestError) throws {
        let shown = String(
            String.UnicodeScalarView(name.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F || $0 == "/" ? "_" : $0 }).prefix(128))
        var folder = layout.rejected + "/" + shown
        var number = 2
        while FolderListing.exists(folder), number < 100_000 {
            folder = layout.rejected + "/\(shown).\(number)"
            number += 1
        }
        try DurableFiles.makeFolder(folder)
        func optional(_ number: Int?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        let node: JSONNode = [
            "code": JSONNode(error.code), "message": JSONNode(error.message), "param": error.param.map { JSONNode($0) } ?? nil,
            "file": JSONNode(shown),
            "line": optional(error.position?.line), "column": optional(error.position?.column),
        ]
        try DurableFiles.replace(folder + "/error.json", with: JSONWriter(isIndented: true).string(node) + "\n")
        try DurableFiles.rename(drop, to: folder + "/" + shown)
        FolderListing.delete(claimFolder)
        try DurableFiles.syncFolder(layout.rejected)
    }
}
