public import Graph
public import Models
public import JSON

/// What a job will need, known before anything runs.
public struct JobPlan: Sendable, Hashable {
    public var size: ProgramSize
    public var recomputedLayers: Int
    /// Bytes of the arena, of persistent memory that is allocated, and of weights that lie in mapped files.
    public var arenaBytes: Int
    public var persistentBytes: Int
    public var mappedBytes: Int
    public var exchangeBytes: Int
    /// Arithmetic of one full micro-batch, forward and backward.
    public var floatingPointOperations: Double
    public var kernelCalls: Int
    public var baseWeights: BaseWeights

    /// Bytes that the device holds at the peak.
    public var deviceBytes: Int { arenaBytes + persistentBytes + mappedBytes + exchangeBytes }

    public var json: JSONNode {
        [
            "micro_batch_tokens": JSONNode(size.tokenCount), "recomputed_layers": JSONNode(recomputedLayers),
            "arena_bytes": JSONNode(arenaBytes),
            "persistent_bytes": JSONNode(persistentBytes), "mapped_weight_bytes": JSONNode(mappedBytes),
            "exchange_bytes": JSONNode(exchangeBytes),
            "device_bytes": JSONNode(deviceBytes), "floating_point_operations": JSONNode(floatingPointOperations),
            "kernel_calls": JSONNode(kernelCalls), "base_weights": JSONNode(baseWeights.rawValue),
        ]
    }
}

/// Chooses micro-batch and recomputation so that a job fits the memory it may use.
public struct MemoryPlanner {
    public var limits: MemoryLimits
    public var optimizer: OptimizerSettings
    /// Bytes that the device may hold; nil: as much as it takes.
    public var byteLimit: Int?

    public init(limits: MemoryLimits, optimizer: OptimizerSettings, byteLimit: Int?) {
        self.limits = limits
        self.optimizer = optimizer
        self.byteLimit = byteLimit
    }

    /// Tokens of a micro-batch above which a larger one gains nothing.
    static let preferredTokens = 4096

    /// The plan for one choice.
    public func plan(_ model: LanguageModel, size: ProgramSize, recomputedLayers: Int) throws -> JobPlan {
        let layers = model.configuration.layerCount
        let programs = Programs(model: model, optimizer: optimizer, recomputedLayers: Set((layers - recomputedLayers)..<layers))
        let mapped = limits.mapsWeights ? Set(model.mappedWeights.keys) : []
        let layout = try PersistentLayout(programs.persistentTensors, limits: limits, mappedWeights: mapped)
        let planner = Planner(limits: limits, layout: layout)
        let gradients = try planner.plan(programs.gradients(size))
        let evaluation = try planner.plan(programs.evaluation(size))
        let update = try planner.plan(programs.update())
        let blocks = TrainingSession.union([gradients, evaluation, update].map(\.transientBlocks))
        return JobPlan(
            size: size, recomputedLayers: recomputedLayers, arenaBytes: blocks.reduce(0, +), persistentBytes: layout.allocatedByteCount,
            mappedBytes: layout.mappedByteCount,
            exchangeBytes: gradients.exchangeByteCount + evaluation.exchangeByteCount + update.exchangeByteCount,
            floatingPointOperations: gradients.cost.floatingPointOperations, kernelCalls: gradients.calls.count,
            baseWeights: model.precision.baseWeights)
    }

    /// The fastest choice that fits: the whole batch at once if possible, then smaller micro-batches, then with layers recomputed; if nothing does,
    /// the same with the next format of weights.
    /// - Parameters:
    ///   - formats: of frozen weights, the most exact first.
    ///   - batchTokens: tokens of the largest batch.
    ///   - longestExample: tokens of the longest example, which a micro-batch must hold.
    ///   - make: the model with its frozen weights in a format.
    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)``.
    public func choose(
        _ formats: [BaseWeights], batchTokens: Int, longestExample: Int, model make: (BaseWeights) throws -> LanguageModel
    ) throws -> (model: LanguageModel, plan: JobPlan) {
        let least = ProgramSize.rounded(longestExample)
        var candidates = [max(least, min(ProgramSize.rounded(batchTokens), max(least, Self.preferredTokens)))]
        while let last = candidates.last, last / 2 >= least { candidates.append(ProgramSize.rounded(last / 2)) }
        if candidates.last != least { candidates.append(least) }
        var smallest: JobPlan?
        for format in formats {
            let model = try make(format)
            let layers = model.configuration.layerCount
            for tokens in candidates {
                // Rows of the head: all tokens in the worst case.
                for recomputed in [0, layers / 2, layers] {
                    let plan = try plan(model, size: ProgramSize(tokenCount: tokens, trainedCount: tokens), recomputedLayers: recomputed)
                    guard let byteLimit else { return (model, plan) }
                    if plan.deviceBytes <= byteLimit { return (model, plan) }
                    if plan.deviceBytes < smallest?.deviceBytes ?? .max { smallest = plan }
                }
            }
        }
        throw TrainingError.doesNotFit(
            needed: smallest?.deviceBytes ?? 0, available: byteLimit ?? 0,
            advice:
                "lower max_length (the longest example has \(longestExample) tokens), choose a lower adapter.rank, or raise memory_limit")
    }
}
