/// How the next token is chosen. The steps run in the order of these settings.
package struct SamplingSettings: Sendable, Hashable {
    /// Added to the logits of tokens.
    package var logitBias: [Int32: Float] { didSet { biases = Self.list(logitBias) } }
    /// The same as a list, which is walked for every token.
    private(set) var biases: [Bias]
    struct Bias: Sendable, Hashable {
        var token: Int32
        var bias: Float
    }
    private static func list(_ biases: [Int32: Float]) -> [Bias] {
        biases.map { Bias(token: $0.key, bias: $0.value) }.sorted { $0.token < $1.token }
    }

    /// Logits of tokens in prompt or answer are divided by this where positive, else multiplied; 1
    /// changes nothing (Keskar et al. 2019, arXiv:1909.05858).
    package var repetitionPenalty: Double
    /// Taken from a token's logit for each time that it stands in the answer.
    package var frequencyPenalty: Double
    /// Taken from a token's logit once where it stands in the answer.
    package var presencePenalty: Double
    /// 0 takes the likeliest token, the lowest id of equals.
    package var temperature: Double
    /// Only the likeliest so many are drawn from, and what ties with the last of them; 0: all.
    package var topK: Int
    /// Only tokens at least this share as likely as the likeliest are drawn from; 0: all.
    package var minP: Double
    /// Only the likeliest tokens that together have this probability are drawn from.
    package var topP: Double
    /// Decides all draws, with the number of the answer and the token's position in it.
    package var seed: UInt64

    package init(
        temperature: Double = 0, topK: Int = 0, minP: Double = 0, topP: Double = 1, seed: UInt64 = 0, repetitionPenalty: Double = 1,
        frequencyPenalty: Double = 0, presencePenalty: Double = 0, logitBias: [Int32: Float] = [:]
    ) {
        (self.temperature, self.topK, self.minP, self.topP, self.seed) = (temperature, topK, minP, topP, seed)
        (self.repetitionPenalty, self.frequencyPenalty, self.presencePenalty) = (repetitionPenalty, frequencyPenalty, presencePenalty)
        self.logitBias = logitBias
        biases = Self.list(logitBias)
    }
}
