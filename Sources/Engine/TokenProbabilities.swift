import Glibc

/// Log-probabilities of a model's own distribution: before bias, penalties and temperature.
package struct TokenProbabilities: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        package var token: Int32
        /// Natural logarithm.
        package var logProbability: Double

        package init(token: Int32, logProbability: Double) {
            (self.token, self.logProbability) = (token, logProbability)
        }
    }
    package var token: Entry
    /// The likeliest tokens, best first, the lowest id of equals first.
    package var top: [Entry]

    /// What stands for a probability of zero.
    static let impossible = -9999.0

    /// The logarithm of the sum of the exponentials, to be taken from logits.
    static func logSumExp(_ logits: UnsafeMutableBufferPointer<Float>) -> Double {
        let greatest = Double(logits[TokenSampler.best(logits)])
        guard greatest.isFinite else { return greatest }
        var sum = 0.0
        for logit in logits { sum += exp(Double(logit) - greatest) }
        return greatest + log(sum)
    }

    /// The likeliest `count` tokens; `token` is set afterwards by whoever chose one.
    static func top(_ count: Int, _ logits: UnsafeMutableBufferPointer<Float>, _ normaliser: Double) -> [Entry] {
        guard count > 0 else { return [] }
        var best: [(token: Int, logit: Float)] = []
        for (index, logit) in logits.enumerated() where best.count < count || logit > best[best.count - 1].logit {
            let place = best.firstIndex { $0.logit < logit } ?? best.count
            best.insert((index, logit), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map { Entry(token: Int32(truncatingIfNeeded: $0.token), logProbability: value($0.logit, normaliser)) }
    }

    static func value(_ logit: Float, _ normaliser: Double) -> Double {
        let value = Double(logit) - normaliser
        return value.isFinite ? max(value, impossible) : impossible
    }
}
