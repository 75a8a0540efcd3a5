package import JSON
import Jobs
package import Manifest
import Storage
import Tensors

/// The files of `deployments/`: what users write, what the daemon made of it, what the server says
/// of it.
///
/// | file | written by |
/// | --- | --- |
/// | `NAME.yaml` | whoever deploys |
/// | `.accepted/NAME.json` | the daemon: every default and path filled in, or why not |
/// | `.paused/NAME` | whoever pauses it |
/// | `.state/NAME.json` | the server |
package struct DeploymentFiles: Sendable {
    package let layout: SpoolLayout

    package init(_ layout: SpoolLayout) { self.layout = layout }

    package var folder: String { layout.root + "/deployments" }
    package var accepted: String { folder + "/.accepted" }
    package var paused: String { folder + "/.paused" }
    package var state: String { folder + "/.state" }
    package var folders: [String] { [folder, accepted, paused, state] }

    package func file(_ name: String) -> String { folder + "/" + name + ".yaml" }

    /// Names of what is deployed, in alphabetical order.
    package var names: [String] {
        ((try? FolderListing.names(in: folder)) ?? []).compactMap { file in
            guard file.hasSuffix(".yaml") else { return nil }
            let name = String(file.dropLast(5))
            return Deployment.isName(name) ? name : nil
        }.sorted()
    }

    /// A deployment as it is written now.
    /// - Throws: ``ManifestError``, ``StorageError``.
    package func deployment(_ name: String) throws -> Deployment {
        try Deployment(ManifestText(DurableFiles.read(file(name), limit: ManifestText.byteLimit), isYAML: true))
    }

    /// The deployments that need a job: its result, or one of its checkpoints. A file that cannot
    /// be read counts by the words in it, so that nothing is lost by a slip of its writer.
    package func names(using job: String) -> [String] {
        names.filter { name in
            if let deployment = try? deployment(name) {
                return [deployment.model, deployment.filter?.model ?? ""].contains {
                    $0.split(separator: ":").first.map { $0 == job } ?? false
                }
            }
            guard let bytes = try? DurableFiles.read(file(name), limit: ManifestText.byteLimit) else { return false }
            return String(decoding: bytes, as: UTF8.self).contains(job)
        }
    }

    /// Where a deployment's weights lie.
    package struct Place: Sendable, Hashable {
        package var base: String
        package var adapter: String?
        package var rank: Int?
        package var job: String?
        /// The model that judges questions and answers.
        package var filter: String?

        package var json: JSONNode {
            var members = [JSONMember("base", JSONNode(base))]
            if let adapter { members.append(JSONMember("adapter", JSONNode(adapter))) }
            if let rank { members.append(JSONMember("rank", JSONNode(rank))) }
            if let job { members.append(JSONMember("job", JSONNode(job))) }
            if let filter { members.append(JSONMember("filter", JSONNode(filter))) }
            return JSONNode(members)
        }
    }

    /// Finds what a deployment names.
    /// - Throws: ``ManifestError`` where it is not there, or not finished.
    package func place(of deployment: Deployment) throws(ManifestError) -> Place {
        var place = try weights(of: deployment)
        if let filter = deployment.filter, filter.mode != .off {
            for name in filter.blockLists where !FolderListing.exists(layout.filters + "/" + name + ".txt") {
                throw ManifestError(code: "not_found", message: "there is no list filters/\(name).txt", param: "filter.block_lists")
            }
            if let model = filter.model { place.filter = try folder(ofFilter: model) }
        }
        return place
    }

    /// The folder of a whole model that classifies.
    private func folder(ofFilter model: String) throws(ManifestError) -> String {
        func failure(_ message: String) -> ManifestError { ManifestError(code: "not_found", message: message, param: "filter.model") }
        if JobIdentifier.isJob(model) {
            guard layout.job(model).status()?.state == .succeeded, let path = ModelFolders.model(inResult: layout.job(model).result) else {
                throw failure("the job \(model) has no finished model")
            }
            return path
        }
        let parts = model.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }), FolderListing.isFolder(layout.models + "/" + model) else {
            throw failure("there is no model \"\(model)\" in models/")
        }
        return layout.models + "/" + model
    }

    private func weights(of deployment: Deployment) throws(ManifestError) -> Place {
        func failure(_ message: String) -> ManifestError { ManifestError(code: "not_found", message: message, param: "model") }
        let words = deployment.model.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = words.first, JobIdentifier.isJob(first) else {
            let parts = deployment.model.split(separator: "/", omittingEmptySubsequences: false)
            guard words.count == 1, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else {
                throw failure("\"\(deployment.model)\" is neither a job nor a name in models/")
            }
            let path = layout.models + "/" + deployment.model
            guard FolderListing.isFolder(path) || FolderListing.leads(path) else {
                throw failure("there is no model \"\(deployment.model)\" in models/")
            }
            return Place(base: path)
        }
        let job = layout.job(String(first))
        guard let status = job.status(), let papers = try? job.papers() else { throw failure("there is no job \(first)") }
        let rank = papers.manifest.adapter.lora.map(\.largestRank)
        // Added tokens have rows of their own in embedding and head.
        let isPlain = (papers.manifest.adapter.lora?.isPlain ?? true) && papers.manifest.addedTokens.isEmpty
        if words.count == 2 {
            let checkpoint = job.checkpoints + "/" + words[1]
            guard job.checkpointNames.contains(String(words[1])) else {
                throw failure("the job \(first) has no checkpoint \(words[1]); it has " + (job.checkpointNames.last ?? "none"))
            }
            guard let rank, isPlain, papers.manifest.adapter.lora?.initialisation.changesBase != true,
                let base = papers.acceptance.modelPath
            else {
                throw failure(
                    rank == nil
                        ? "a checkpoint of full training is no model yet: deploy the job's result"
                        : "the job's adapter is more than matrices, which a checkpoint is not served with: deploy the job's result")
            }
            return Place(base: base, adapter: checkpoint, rank: rank, job: job.id)
        }
        guard status.state == .succeeded else { throw failure("the job \(first) is \(status.state.rawValue), not succeeded") }
        let adapter = job.result + "/adapter"
        // Of other adapters the merged model is served.
        let merged = ModelFolders.model(inResult: job.result)
        if let rank, isPlain || merged == nil, let base = papers.acceptance.modelPath, FolderListing.isFolder(adapter) {
            return Place(base: base, adapter: adapter, rank: rank, job: job.id)
        }
        guard let model = merged else {
            throw failure("the job \(first) has no result that can be served")
        }
        return Place(base: model, job: job.id)
    }
}
