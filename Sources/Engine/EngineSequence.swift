import Models

/// One answer that is being written.
final class EngineSequence {
    let request: GenerationRequest
    let choice: Int
    /// Prompt and answer.
    var tokens: [Int32]
    /// How many of the tokens have their keys and values in the cache.
    var computed = 0
    /// The most tokens that prompt and answer may have together.
    let limit: Int
    /// The row of the table of pages.
    var slot = -1
    var pages: [Int32] = []
    /// Pages that were published, and the node of the last.
    var publishedCount = 0
    var node: UInt64 = 0
    /// Whether it had to make room for an older one.
    private(set) var hasYielded = false
    let scope: String
    let firstRotaryRow: Int
    var sampler: TokenSampler
    var text: AnswerText
    var constrained: ConstrainedAnswer?
    var promptProbabilities: [TokenProbabilities] = []
    /// Whether the probabilities of the prompt have been given out.
    var isScored = false
    var finish: FinishReason?

    init(_ request: GenerationRequest, choice: Int, limit: Int, rotary: RotaryRows, text: AnswerText) {
        (self.request, self.choice, self.limit, self.text) = (request, choice, limit, text)
        tokens = request.prompt
        firstRotaryRow = rotary.firstRow(exampleLength: limit)
        scope = "\(request.adapter.map { "\($0)" } ?? "-")/\(firstRotaryRow)/\(request.scope)"
        sampler = TokenSampler(request.sampling, prompt: request.prompt, choice: choice)
        constrained = request.constraint.map { ConstrainedAnswer($0) }
    }

    var promptCount: Int { request.prompt.count }
    /// Tokens that are still to be computed.
    var pendingCount: Int { tokens.count - computed }
    var isPromptDone: Bool { computed >= promptCount }
    /// Whether only its last token is to be computed, for the next one.
    var isWriting: Bool { isPromptDone && pendingCount == 1 }
    var isScoring: Bool { request.scoresPrompt && !isScored }
    /// Pages of the tokens that there are, and of all that there may be.
    var pageCount: Int { Self.pages(tokens.count) }
    var pageLimit: Int { Self.pages(limit) }

    private static func pages(_ rows: Int) -> Int { (rows + GenerationShape.pageRows - 1) / GenerationShape.pageRows }

    /// Forgets what was computed, not what was written.
    func yield() {
        (slot, computed, publishedCount, node) = (-1, 0, 0, 0)
        if !isScored { promptProbabilities = [] }
        hasYielded = true
    }
}
