package import JSON

/// What is remembered of a job's dead workers since the last progress.
package struct CrashRecord: Sendable, Hashable {
    package var count: Int
    /// The step in which a worker died by itself, if one did.
    package var step: Int?
    /// The newest checkpoint's step at that time.
    package var checkpoint: Int

    package init(count: Int = 0, step: Int? = nil, checkpoint: Int = 0) {
        self.count = count
        self.step = step
        self.checkpoint = checkpoint
    }

    package var json: JSONNode {
        ["count": JSONNode(count), "step": step.map { JSONNode($0) } ?? nil, "checkpoint_step": JSONNode(checkpoint)]
    }

    package init?(json: JSONNode?) {
        guard let count = json?["count"]?.integer, count >= 0 else { return nil }
        self.init(count: count, step: json?["step"]?.integer, checkpoint: json?["checkpoint_step"]?.integer ?? 0)
    }
}
