import Graph
import JSON
import Jobs
import Manifest
import Models
import Storage
package import Tensors
package import Training

extension InputFingerprint {
    /// Everything from which a job's run follows, as digests.
    /// - Parameters:
    ///   - weights: of the job's model.
    ///   - inputs: the job's copies of its data.
    ///   - teacher: of the model that it learns from, if there is one.
    /// - Throws: ``StorageError``.
    package init(
        _ job: PreparedJob, weights: ModelDigest, inputs: InputSnapshot, teacher: (folder: any ModelFolder, weights: ModelDigest)? = nil
    ) throws {
        var parts = [
            "manifest": SHA256.hexadecimal(of: JSONWriter().string(job.manifest.json).utf8),
            "training_file": try inputs.digests.training ?? SHA256.hexadecimal(ofFile: inputs.trainingPath),
            "plan": "\(job.precision), \(job.plan.size.tokenCount) tokens, \(job.plan.recomputedLayers) layers recomputed, "
                + "\(job.plan.choice.logitsByteLimit) bytes of logits",
        ]
        if let path = inputs.validationPath {
            parts["validation_file"] = try inputs.digests.validation ?? SHA256.hexadecimal(ofFile: path)
        }
        func configuration(_ folder: any ModelFolder) throws -> String {
            SHA256.hexadecimal(of: try folder.text("config.json", limit: 1 << 30) ?? [])
        }
        if let teacher {
            let all = try [configuration(teacher.folder)] + teacher.weights.values()
            parts["teacher"] = SHA256.hexadecimal(of: all.joined(separator: "\n").utf8)
        }
        var model = [try configuration(job.modelFolder)]
        if case .checkpoint = job.model.source { model += try weights.values() }
        parts["model"] = SHA256.hexadecimal(of: model.joined(separator: "\n").utf8)
        self.init(parts)
    }
}
