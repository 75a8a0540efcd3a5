package import JSON
package import Jobs
package import Manifest
import Storage

/// What the daemon decided about a job when it accepted it.
package struct JobAcceptance: Sendable, Hashable {
    /// A file or folder that the manifest names, and the folder beneath which it was found.
    package struct Source: Sendable, Hashable {
        package var path: String
        package var root: String
        /// Whether it was dropped with the manifest.
        package var isInBundle: Bool

        package init(path: String, root: String, isInBundle: Bool) {
            self.path = path
            self.root = root
            self.isInBundle = isInBundle
        }

        var json: JSONNode { ["path": JSONNode(path), "root": JSONNode(root), "in_bundle": JSONNode(isInBundle)] }

        init?(json: JSONNode?) {
            guard let path = json?["path"]?.string, let root = json?["root"]?.string else { return nil }
            self.init(path: path, root: root, isInBundle: json?["in_bundle"]?.bool ?? false)
        }
    }

    package var createdAt: Int
    /// The user id of the manifest's owner.
    package var owner: Int
    /// The name under which it was dropped.
    package var drop: String
    /// The model's folder; nil where it is not known yet.
    package var modelPath: String?
    package var training: Source
    package var validation: Source?
    package var initialAdapter: Source?
    /// The folder of the model that an evaluation compares with, or from which another learns.
    package var comparisonPath: String?
    /// What a device-hour and trained tokens cost; nil where nothing is charged.
    package var prices: Prices?
    /// Nil for a job that was submitted alone.
    package var sweep: SweepPlace?

    package init(createdAt: Int, owner: Int, drop: String, modelPath: String?, training: Source) {
        self.createdAt = createdAt
        self.owner = owner
        self.drop = drop
        self.modelPath = modelPath
        self.training = training
    }

    /// A job of files that are named by their paths, each beneath its own folder.
    package init(createdAt: Int, owner: Int, modelPath: String?, trainingPath: String, validationPath: String?, initialAdapterPath: String?)
    {
        func source(_ path: String) -> Source { Source(path: path, root: DurableFiles.split(path).folder, isInBundle: false) }
        self.init(createdAt: createdAt, owner: owner, drop: "", modelPath: modelPath, training: source(trainingPath))
        validation = validationPath.map(source)
        initialAdapter = initialAdapterPath.map(source)
    }

    package var trainingPath: String { training.path }
    package var validationPath: String? { validation?.path }
    package var initialAdapterPath: String? { initialAdapter?.path }

    package var json: JSONNode {
        let all: JSONNode = [
            "created_at": JSONNode(createdAt), "owner": JSONNode(owner), "drop": JSONNode(drop),
            "model_path": modelPath.map { JSONNode($0) } ?? nil, "training": training.json, "validation": validation?.json ?? nil,
            "initial_adapter": initialAdapter?.json ?? nil, "prices": prices?.json ?? nil,
        ]
        var members = all.object ?? []
        if let comparisonPath { members.append(JSONMember("comparison_path", JSONNode(comparisonPath))) }
        if let sweep { members.append(JSONMember("sweep", sweep.json)) }
        return JSONNode(members)
    }

    package init?(json: JSONNode) {
        guard let createdAt = json["created_at"]?.integer, let owner = json["owner"]?.integer, let training = Source(json: json["training"])
        else { return nil }
        self.init(
            createdAt: createdAt, owner: owner, drop: json["drop"]?.string ?? "", modelPath: json["model_path"]?.string, training: training)
        validation = Source(json: json["validation"])
        initialAdapter = Source(json: json["initial_adapter"])
        prices = Prices(json: json["prices"])
        comparisonPath = json["comparison_path"]?.string
        sweep = SweepPlace(json: json["sweep"])
    }
}

/// What a worker must know of a job before it begins: what was asked for, and what was decided
/// about it. Read once a process.
package struct JobPapers: Sendable, Hashable {
    package var manifest: Manifest
    package var acceptance: JobAcceptance

    package init(manifest: Manifest, acceptance: JobAcceptance) {
        self.manifest = manifest
        self.acceptance = acceptance
    }
}
