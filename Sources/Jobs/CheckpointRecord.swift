package import JSON

/// A checkpoint as users see it: the `fine_tuning.job.checkpoint` object of the OpenAI API.
package struct CheckpointRecord: Sendable, Hashable {
    package var job: String
    package var step: Int
    package var createdAt: Int
    package var trainLoss: Double?
    package var trainAccuracy: Double?
    package var fullValidLoss: Double?
    package var fullValidAccuracy: Double?

    package init(job: String, step: Int, createdAt: Int) {
        self.job = job
        self.step = step
        self.createdAt = createdAt
    }

    /// `step-000120`: as wide as six digits, wider where needed.
    package static func folderName(step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// The step of a checkpoint folder's name, or nil for other names.
    package static func step(ofFolder name: some StringProtocol) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0, folderName(step: step) == name else { return nil }
        return step
    }

    package var json: JSONNode {
        func optional(_ number: Double?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        return [
            "object": "fine_tuning.job.checkpoint", "id": JSONNode("ftckpt-\(job.dropFirst(6))-\(step)"), "created_at": JSONNode(createdAt),
            "fine_tuned_model_checkpoint": JSONNode("\(job):ckpt-step-\(step)"), "fine_tuning_job_id": JSONNode(job),
            "step_number": JSONNode(step),
            "metrics": [
                "step": JSONNode(step), "train_loss": optional(trainLoss), "train_mean_token_accuracy": optional(trainAccuracy),
                "full_valid_loss": optional(fullValidLoss), "full_valid_mean_token_accuracy": optional(fullValidAccuracy),
            ],
        ]
    }
}
