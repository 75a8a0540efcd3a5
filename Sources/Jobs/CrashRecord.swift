public import JSON

/// What is remembered of a job's dead workers since the last progress.
public struct CrashRecord: Sendable, Hashable {
    public var count: Int
    /// The step in which a worker died by itself, if one did.
    public var step: Int?
    /// The newest checkpoint's step at that time.
    public var checkpoint: Int

    public init(count: Int = 0, step: Int? = nil, checkpoint: Int = 0) {
        self.count = count
        self.step = step
        self.checkpoint = checkpoint
    }

    public var json: JSONNode {
        ["count": JSONNode(count), "step": step.map { JSONNode($0) } ?? nil, "checkpoint_step": JSONNode(checkpoint)]
    }

    public init?(json: JSONNode?) {
        guard let count = json?["count"]?.integer, count >= 0 else { return nil }
        self.init(count: count, step: json?["step"]?.integer, checkpoint: json?["checkpoint_step"]?.integer ?? 0)
    }
}
