import Glibc

/// How the next token is chosen.
package struct SamplingSettings: Sendable, Hashable {
    /// 0 takes the likeliest token.
    package var temperature: Double
    /// Only the likeliest tokens that together have this probability are drawn from.
    package var topP: Double
    package var seed: UInt64

    package init(temperature: Double = 0, topP: Double = 1, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
    }
}

/// Draws tokens from logits: the same settings and logits give the same tokens.
package struct TokenSampler {
    private let settings: SamplingSettings
    private var random: SamplingNumbers

    package init(_ settings: SamplingSettings) {
        self.settings = settings
        random = SamplingNumbers(state: settings.seed &+ 0x9E37_79B9_7F4A_7C15)
    }

    /// The next token: the likeliest at a temperature of 0 (the first of equals), else one drawn
    /// from `softmax(logits / temperature)` cut to `topP`.
    /// - Parameter logits: one for each token of the vocabulary.
    package mutating func choose(_ logits: [Float]) -> Int32 {
        let best = logits.indices.max { logits[$0] < logits[$1] || (logits[$0] == logits[$1] && $0 > $1) } ?? 0
        guard settings.temperature > 0 else { return Int32(truncatingIfNeeded: best) }
        let largest = Double(logits[best])
        var candidates = logits.indices.map { (index: $0, weight: exp((Double(logits[$0]) - largest) / settings.temperature)) }
        if settings.topP < 1 {
            candidates.sort { ($1.weight, $0.index) < ($0.weight, $1.index) }
            let whole = candidates.reduce(0) { $0 + $1.weight }
            var sum = 0.0
            let count = candidates.firstIndex { candidate in
                sum += candidate.weight
                return sum >= settings.topP * whole
            }
            candidates = Array(candidates.prefix((count ?? candidates.count - 1) + 1))
        }
        var left = random.unit() * candidates.reduce(0) { $0 + $1.weight }
        for candidate in candidates {
            left -= candidate.weight
            if left <= 0 { return Int32(truncatingIfNeeded: candidate.index) }
        }
        return Int32(truncatingIfNeeded: candidates.last?.index ?? best)
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
private struct SamplingNumbers {
    var state: UInt64

    mutating func unit() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }
}
