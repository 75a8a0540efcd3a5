import Graph
import JSON
import Jobs
import Manifest
import Models
import Storage
import Tensors
package import Training

extension InputFingerprint {
    /// Everything from which a job's run follows, as digests.
    /// - Parameters:
    ///   - weights: of the job's model.
    ///   - inputs: the job's copies of its data.
    /// - Throws: ``StorageError``.
    package init(_ job: PreparedJob, weights: ModelDigest, inputs: InputSnapshot) throws {
        var parts = [
            "manifest": SHA256.hexadecimal(of: JSONWriter().string(job.manifest.json).utf8),
            "training_file": try inputs.digests.training ?? SHA256.hexadecimal(ofFile: inputs.trainingPath),
            "plan": "\(job.precision), \(job.plan.size.tokenCount) tokens, \(job.plan.recomputedLayers) layers recomputed, "
                + "\(job.plan.choice.logitsByteLimit) bytes of logits",
        ]
        if let path = inputs.validationPath {
            parts["validation_file"] = try inputs.digests.validation ?? SHA256.hexadecimal(ofFile: path)
        }
        var model = [SHA256.hexadecimal(of: try job.modelFolder.text("config.json", limit: 1 << 30) ?? [])]
        if case .checkpoint = job.model.source { model += weights.values() }
        parts["model"] = SHA256.hexadecimal(of: model.joined(separator: "\n").utf8)
        self.init(parts)
    }
}
