package import Models
package import Tensors

/// How much an engine holds at a time.
package struct EngineSettings: Sendable, Hashable {
    /// Answers that are written at the same time.
    package var slots: Int
    /// Tokens of a prompt and its answer at most.
    package var contextLength: Int
    /// Pages of the cache for all of them; nil: as many as the slots need at their longest.
    package var pageCount: Int?
    package var cacheType: ElementType
    /// Whether keys and values that would lie in float32 lie in bfloat16 where activations do: the
    /// same numbers in half of the room.
    package var narrowsCache = false
    /// Answers that may wait before another request is refused, where the request does not say.
    package var queueLimit: Int
    /// Rows of a prompt that are computed in one step at most; fewer while others are answered.
    package var chunkRows: Int
    /// Seconds that a step should take at most while others are answered.
    package var stepSeconds = 0.1
    /// Whether logits come from a copy of the head in 8 bits.
    package var quantizesHead = false
    /// Adapters that may be held, and their largest rank; 0: none.
    package var adapterSlots = 0
    package var adapterRank = 0

    package init(
        slots: Int = 8, contextLength: Int, pageCount: Int? = nil, cacheType: ElementType = .float32, queueLimit: Int = 64,
        chunkRows: Int = 256
    ) {
        self.slots = max(1, min(64, slots))
        self.contextLength = max(1, contextLength)
        self.pageCount = pageCount
        self.cacheType = cacheType
        self.queueLimit = queueLimit
        self.chunkRows = max(1, min(512, chunkRows))
    }

    /// Settings for questions that are all there from the beginning and whose answers nobody
    /// watches: no step is kept short, and as many answers as pays are written at the same time.
    /// - Parameters:
    ///   - slots: at most as many as questions; nil: up to ``manySlots``.
    package static func batch(questionCount: Int, slots: Int? = nil, contextLength: Int) -> EngineSettings {
        var settings = EngineSettings(
            slots: min(slots ?? manySlots, max(1, questionCount)), contextLength: contextLength, queueLimit: questionCount)
        settings.stepSeconds = .infinity
        settings.narrowsCache = true
        return settings
    }

    /// Answers at a time from which on weights are read often enough: more take memory and gain
    /// nothing (docs/performance.md).
    package static let manySlots = 32

    /// The most rows of a step, and the most that get logits.
    var rowLimit: Int { max(chunkRows, slots) }
    var logitLimit: Int { max(slots, 32) }

    var pagesPerSequence: Int { (contextLength + GenerationShape.pageRows - 1) / GenerationShape.pageRows }

    /// Pages of the cache: at least what one request needs at its longest.
    package var cachePageCount: Int { max(pagesPerSequence, pageCount ?? slots * pagesPerSequence) }

    func shape(of model: LanguageModel) -> GenerationShape {
        let modules = model.linearModules
        let isNarrow = narrowsCache && cacheType == .float32 && model.precision.activationType == .bfloat16
        let adapters =
            adapterSlots > 0 && adapterRank > 0
            ? GenerationShape.Adapters(
                count: adapterSlots, rank: adapterRank, modules: Set(modules.filter { !$0.isEmbedding && !$0.isExpert }.map(\.name)))
            : nil
        var shape = GenerationShape(
            pageCount: cachePageCount, sequenceCount: slots,
            pagesPerSequence: pagesPerSequence, cacheType: isNarrow ? .bfloat16 : cacheType, adapters: adapters)
        shape.quantizesHead = quantizesHead
        return shape
    }

    /// Bytes of one page of all layers, of a model of this configuration.
    package static func pageBytes(_ configuration: ModelConfiguration, _ type: ElementType) -> Int {
        configuration.keptColumns * type.byteCount * GenerationShape.pageRows
    }
}
