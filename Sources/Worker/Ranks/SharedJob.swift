import Datasets
import JSON
import Jobs
import Manifest
import Preparation
import Ranks
import Storage
import Tensors
import Training

/// What the other ranks must know of a job: all that rank 0 has read and decided, but for the
/// model, which each reads itself.
struct SharedJob {
    var manifest: Manifest
    var modelFolder: String
    var plan: PlanFigures
    var reports: [ValidationReport]
    /// A moment of the day of the job's acceptance.
    var day: Int
    var hasOwnValidation: Bool
    /// Files of the adapter that training begins with, by name.
    var adapterFiles: [String]

    /// - Parameter initialAdapter: the folder of the adapter that training begins with.
    init(_ job: PreparedJob, day: Int, initialAdapter: String?) throws(StorageError) {
        manifest = job.manifest
        modelFolder = job.modelFolder.path
        plan = PlanFigures(job.plan)
        reports = job.reports
        self.day = day
        hasOwnValidation = job.validation != nil && job.manifest.validationSplit == nil
        adapterFiles = []
        if let initialAdapter { adapterFiles = try FolderListing.names(in: initialAdapter).sorted() }
    }

    var json: JSONNode {
        [
            "manifest": manifest.json, "model": JSONNode(modelFolder), "plan": plan.json, "reports": JSONNode(reports.map(\.json)),
            "day": JSONNode(day), "has_validation": JSONNode(hasOwnValidation),
            "adapter_files": JSONNode(adapterFiles.map { JSONNode($0) }),
        ]
    }

    /// - Throws: ``TrainingError/brokenExchange`` if the text is not what rank 0 sends, and what
    ///   reading a manifest throws.
    init(_ text: String) throws {
        guard let node = try? JSONParser().parse(text), let manifest = node["manifest"], let model = node["model"]?.string,
            let plan = PlanFigures(json: node["plan"]), let day = node["day"]?.integer, let reports = node["reports"]?.array
        else { throw TrainingError.brokenExchange }
        self.manifest = try Manifest(ManifestText(Array(JSONWriter().string(manifest).utf8), isYAML: false))
        (modelFolder, self.plan, self.day) = (model, plan, day)
        self.reports = reports.compactMap { ValidationReport(json: $0, file: "") }
        hasOwnValidation = node["has_validation"]?.bool ?? false
        adapterFiles = (node["adapter_files"]?.array ?? []).compactMap(\.string)
        guard adapterFiles.allSatisfy({ !$0.contains("/") && !$0.hasPrefix(".") }) else { throw TrainingError.brokenExchange }
    }
}
