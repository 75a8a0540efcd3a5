package import Graph
package import Models
import Runtime
package import Tokenization

/// Writes answers to many requests at a time with one model on one device.
///
/// A step computes one row for every answer that is being written and a piece of the oldest
/// prompt, in one batch over pages of a cache. What a request gets depends on nothing but the
/// request: not on the others, on how prompts were cut, on what was found in the cache, or on
/// whether it had to make room and was taken up again. It is for one thread.
package final class Engine {
    package let settings: EngineSettings
    package let tokenizer: Tokenizer
    let engineModel: EngineModel
    var pool: PagePool
    /// The next first.
    var waiting: [EngineSequence] = []
    /// Texts that become vectors, the next first.
    var embeddings: [EmbeddingSequence] = []
    /// In the order in which they began.
    var running: [EngineSequence] = []
    var freeSlots: [Int]
    /// Sequences of a request that have not ended, and what was counted of those that have.
    var open: [UInt64: OpenRequest] = [:]
    var adapters: [Int: String] = [:]
    /// Seconds that a row of a long step takes, as measured last; rows that fill it up count.
    var secondsPerRow: Double?
    /// Rows that steps were asked for, and those that their programs computed.
    package internal(set) var rowCounts = (asked: 0, computed: 0)
    /// How often an answer gave its room to an older one.
    package internal(set) var yieldCount = 0
    var rawLogits: [Float] = []

    struct OpenRequest {
        var remaining: Int
        var totals: RequestTotals
    }

    /// Loads a model; what it trains has its first values.
    /// - Parameter tokenizer: asked for when the model has been loaded.
    /// - Throws: ``ModelError``, ``GraphError``, and what the device and the tokenizer throw.
    package init(
        _ model: LanguageModel, tokenizer: @autoclosure () throws -> Tokenizer, on device: any ComputeDevice, _ settings: EngineSettings
    ) throws {
        self.settings = settings
        let shape = settings.shape(of: model)
        engineModel = try EngineModel(
            model, on: device, shape, rowLimit: settings.rowLimit, logitLimit: settings.logitLimit)
        self.tokenizer = try tokenizer()
        pool = PagePool(count: shape.pageCount)
        freeSlots = Array((0..<settings.slots).reversed())
    }

    /// Bytes that an engine with these settings takes, before anything is allocated.
    /// - Parameter countingMapped: whether weights that stay in their mapped file count: where they
    ///   are mapped already, they take no more.
    /// - Throws: ``GraphError`` where a tensor does not fit the device's limits.
    package static func byteCount(
        _ model: LanguageModel, on device: any ComputeDevice, _ settings: EngineSettings, countingMapped: Bool = true
    ) throws -> Int {
        try EngineModel.byteCount(
            model, on: device, settings.shape(of: model), rowLimit: settings.rowLimit, logitLimit: settings.logitLimit,
            countingMapped: countingMapped)
    }

    /// Writes float32 numbers into a tensor of the model, in its type.
    /// - Throws: ``GraphError`` if it has none of that name, and what the device throws.
    package func write(_ numbers: [Float], to key: String) throws { try model.write(numbers, key, engineModel.loaded.memory) }

    /// Prepares the programs that answering needs.
    package func prepare() throws { try engineModel.prepare(decodeRows: settings.slots) }

    package var model: LanguageModel { engineModel.model }
    package var planCount: Int { engineModel.planCount }
    package var isIdle: Bool { waiting.isEmpty && running.isEmpty && embeddings.isEmpty }
    package var waitingCount: Int { waiting.count }
    package var runningCount: Int { running.count }
    /// Pages that requests have, of all.
    package var usedPages: (used: Int, all: Int) { (pool.heldCount, pool.count) }

    /// Takes a request into the queue.
    /// - Throws: ``EngineError`` if it can never be answered, or too many wait already.
    package func submit(_ request: GenerationRequest) throws(EngineError) {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        let length = request.terms.contextLength(settings)
        let maximum = request.maximumTokens ?? max(0, length - request.prompt.count)
        let (total, overflows) = request.prompt.count.addingReportingOverflow(maximum)
        guard !overflows, total <= length, maximum >= 0, request.maximumTokens != nil || request.prompt.count < length else {
            throw .contextExceeded(promptTokens: request.prompt.count, maximumTokens: request.maximumTokens ?? 0, contextLength: length)
        }
        let vocabulary = engineModel.vocabularySize
        if let token = request.prompt.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw .tokenOutOfVocabulary(token, vocabularySize: vocabulary)
        }
        if let adapter = request.adapter, adapters[adapter] == nil { throw .noSuchAdapter(adapter) }
        let count = max(1, min(128, request.choiceCount))
        // A request of many answers is taken as one that comes before the queue is full.
        try request.terms.checkQueue(waiting.lazy.map(\.request.terms), settings)
        let limit = max(total, request.prompt.count)
        let pages = (limit + GenerationShape.pageRows - 1) / GenerationShape.pageRows
        guard pages <= pool.count else { throw .doesNotFit(pages: pages, available: pool.count) }
        open[request.id] = OpenRequest(remaining: count, totals: RequestTotals(promptTokens: request.prompt.count))
        let text = request.answerText(tokenizer)
        for choice in 0..<count {
            waiting.append(
                EngineSequence(request, choice: choice, limit: limit, rotary: model.rotaryRows, text: text))
        }
    }

    /// Refuses a request where enough of its deployment wait already, elsewhere than in the engine.
    /// - Throws: ``EngineError/queueFull(limit:)``.
    package func checkQueue(_ terms: RequestTerms, _ waiting: some Sequence<RequestTerms>) throws(EngineError) {
        try terms.checkQueue(waiting, settings)
    }

    /// Ends a request at once: it gives no further events, and its room is free.
    package func cancel(_ id: UInt64) {
        waiting.removeAll { $0.request.id == id }
        for sequence in running where sequence.request.id == id { release(sequence) }
        running.removeAll { $0.request.id == id }
        open[id] = nil
        cancelEmbedding(id)
    }
}
