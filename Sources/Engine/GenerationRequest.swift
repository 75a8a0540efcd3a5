package import Constraints

/// What somebody wants to have written.
package struct GenerationRequest: Sendable {
    /// The asker's own number for it.
    package var id: UInt64
    package var prompt: [Int32]
    /// New tokens of each answer; nil: up to the context's end.
    package var maximumTokens: Int?
    /// Answers to the one prompt.
    package var choiceCount = 1
    package var sampling = SamplingSettings()
    /// Texts at which an answer ends; they are no part of it.
    package var stops: [String] = []
    /// Tokens at which an answer ends; they are no part of it.
    package var endIDs: Set<Int32> = []
    /// What the answers must be; nil: anything.
    package var constraint: AnswerConstraint?
    /// The number of the likeliest tokens to tell of beside each; nil: no probabilities.
    package var topLogProbabilities: Int?
    /// Whether the prompt's own tokens get probabilities too.
    package var scoresPrompt = false
    /// The adapter's place in the engine; nil: the base model.
    package var adapter: Int?
    package var terms = RequestTerms()
    /// Tokens that are guessed and computed together with the next one at most, from what followed
    /// the same words before; a guess that is wrong is dropped, so that it changes nothing but
    /// time.
    package var lookup = 0
    /// Requests of one scope may share what was computed for the beginning of their prompts.
    package var scope = ""

    package init(id: UInt64, prompt: [Int32], maximumTokens: Int? = nil) {
        (self.id, self.prompt, self.maximumTokens) = (id, prompt, maximumTokens)
    }
}

/// Why an answer ended.
package enum FinishReason: String, Sendable {
    /// An end token or a stop string.
    case stop
    /// As many tokens as were asked for, or the context's end.
    case length
    /// The end of calls of tools.
    case toolCalls = "tool_calls"
    /// No token of the vocabulary fits what the answer must be.
    case stuck
    /// What the answer must be takes more to find out than an answer is worth.
    case tooCostly = "too_costly"
}

/// What became of requests in a step.
package enum EngineEvent: Sendable {
    /// The probabilities of a prompt's tokens, from the second on.
    case prompt(id: UInt64, [TokenProbabilities])
    case token(AnswerToken)
    case finished(id: UInt64, choice: Int, reason: FinishReason, text: String)
    /// The vector of a text.
    case embedding(id: UInt64, [Float], promptTokens: Int)
    /// All answers of a request have ended.
    case done(id: UInt64, RequestTotals)
}

/// What a request came to.
package struct RequestTotals: Sendable, Hashable {
    package var promptTokens: Int
    /// Of the prompt's those that were found in the cache.
    package var cachedTokens = 0
    package var answerTokens = 0
    /// Tokens that were guessed, and of those the ones that came.
    package var guessedTokens = 0
    package var acceptedTokens = 0

    init(promptTokens: Int) { self.promptTokens = promptTokens }
}

/// One token of an answer, and the text that it lets go.
package struct AnswerToken: Sendable {
    package var id: UInt64
    package var choice: Int
    package var token: Int32
    package var text: String
    /// What it says of calls of tools.
    package var calls: [CallPiece] = []
    package var probabilities: TokenProbabilities?
}

/// Why a request is refused.
package enum EngineError: Error, Sendable, Hashable, CustomStringConvertible {
    case emptyPrompt
    case contextExceeded(promptTokens: Int, maximumTokens: Int, contextLength: Int)
    case tokenOutOfVocabulary(Int32, vocabularySize: Int)
    case queueFull(limit: Int)
    case noSuchAdapter(Int)
    case doesNotFit(pages: Int, available: Int)
    case adapterInUse(Int)
    case adapterTooLarge(String)
    case adapterBeyondMatrices(String)

    package var description: String {
        switch self {
        case .emptyPrompt: "the prompt has no tokens"
        case .contextExceeded(let prompt, let maximum, let length):
            "the context has \(length) tokens, but the prompt has \(prompt)" + (maximum > 0 ? " and \(maximum) more are asked for" : "")
        case .tokenOutOfVocabulary(let token, let size): "the token id \(token) is not one of the vocabulary's \(size)"
        case .queueFull(let limit): "\(limit) answers are waiting already"
        case .noSuchAdapter(let place): "there is no adapter in place \(place)"
        case .doesNotFit(let pages, let available): "the request needs \(pages) pages of the cache, which has \(available)"
        case .adapterInUse(let place): "requests use the adapter in place \(place)"
        case .adapterTooLarge(let reason): reason
        case .adapterBeyondMatrices(let what):
            "\(what), and a row of a batch has an adapter's matrices on linear layers alone: deploy the merged model instead"
        }
    }
}
