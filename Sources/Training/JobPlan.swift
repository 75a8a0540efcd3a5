public import JSON
public import Models

/// What a job will need, known before anything runs.
public struct JobPlan: Sendable, Hashable {
    /// What the planner decides. A job keeps its choice for life: a resumed run must do what the unbroken one would have done.
    public struct Choice: Sendable, Hashable {
        /// Tokens of a micro-batch.
        public var tokenCount: Int
        /// Layers, from the last one on, that are computed a second time in the backward pass.
        public var recomputedLayers: Int
        /// Bytes of logits that exist at one time.
        public var logitsByteLimit: Int
        public var baseWeights: BaseWeights

        public init(
            tokenCount: Int, recomputedLayers: Int, logitsByteLimit: Int = Programs.defaultLogitsByteLimit, baseWeights: BaseWeights
        ) {
            self.tokenCount = tokenCount
            self.recomputedLayers = recomputedLayers
            self.logitsByteLimit = logitsByteLimit
            self.baseWeights = baseWeights
        }

        /// The choice that a plan's JSON holds, or nil if it holds none.
        public init?(planJSON node: JSONNode?) {
            guard let node, let tokens = node["micro_batch_tokens"]?.integer, let layers = node["recomputed_layers"]?.integer,
                let logits = node["logits_bytes"]?.integer, let format = node["base_weights"]?.string.flatMap(BaseWeights.init(rawValue:)),
                tokens > 0, tokens <= 1 << 28, layers >= 0, logits > 0
            else { return nil }
            self.init(tokenCount: tokens, recomputedLayers: layers, logitsByteLimit: logits, baseWeights: format)
        }
    }
    public var choice: Choice
    public var size: ProgramSize
    /// Bytes of the arena, of persistent memory that is allocated, and of weights that lie in mapped files.
    public var arenaBytes: Int
    public var persistentBytes: Int
    public var mappedBytes: Int
    public var exchangeBytes: Int
    /// Bytes that the backend's kernels use beside the plan's memory: parts of operands in other types, packed blocks.
    public var workspaceBytes: Int
    /// Bytes that the program itself takes where it shares memory with the plan: code, tokenizer, data, prepared kernels. 0 on a device with memory of its own.
    public var programBytes: Int
    /// Arithmetic of one full micro-batch, forward and backward.
    public var floatingPointOperations: Double
    public var kernelCalls: Int

    public var recomputedLayers: Int { choice.recomputedLayers }
    public var baseWeights: BaseWeights { choice.baseWeights }

    /// Bytes of the plan's own memory on the device.
    public var deviceBytes: Int { arenaBytes + persistentBytes + mappedBytes + exchangeBytes }
    /// Bytes that are held at the peak, all in all.
    public var peakBytes: Int { deviceBytes + workspaceBytes + programBytes }

    public var json: JSONNode {
        [
            "micro_batch_tokens": JSONNode(size.tokenCount), "recomputed_layers": JSONNode(recomputedLayers),
            "logits_bytes": JSONNode(choice.logitsByteLimit), "base_weights": JSONNode(baseWeights.rawValue),
            "arena_bytes": JSONNode(arenaBytes), "persistent_bytes": JSONNode(persistentBytes),
            "mapped_weight_bytes": JSONNode(mappedBytes),
            "exchange_bytes": JSONNode(exchangeBytes), "device_bytes": JSONNode(deviceBytes), "workspace_bytes": JSONNode(workspaceBytes),
            "program_bytes": JSONNode(programBytes), "peak_bytes": JSONNode(peakBytes),
            "floating_point_operations": JSONNode(floatingPointOperations), "kernel_calls": JSONNode(kernelCalls),
        ]
    }
}
