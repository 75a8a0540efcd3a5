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
    /// Tokens of the prompt that were there already.
    var cachedTokens = 0
    let scope: String
    let firstRotaryRow: Int
    var sampler: TokenSampler
    var text: AnswerText
    var constrained: ConstrainedAnswer?
    var promptProbabilities: [TokenProbabilities] = []
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
    var pageCount: Int { (limit + GenerationShape.pageRows - 1) / GenerationShape.pageRows }
}
