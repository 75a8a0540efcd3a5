import Basics
import Glibc

/// Draws tokens from logits. What is drawn follows from the settings, the logits, the tokens so far
/// and the position alone.
package struct TokenSampler: Sendable {
    private let settings: SamplingSettings
    /// Which answer to its prompt this is.
    private let choice: UInt32
    private let inPrompt: Set<Int32>
    /// How often each token stands in the answer.
    private var counts: [Int32: Int] = [:]

    package init(_ settings: SamplingSettings, prompt: [Int32] = [], choice: Int = 0) {
        self.settings = settings
        self.choice = UInt32(truncatingIfNeeded: choice)
        inPrompt = settings.repetitionPenalty == 1 ? [] : Set(prompt)
    }

    /// A token became part of the answer.
    package mutating func append(_ token: Int32) {
        if settings.repetitionPenalty != 1 || settings.frequencyPenalty != 0 || settings.presencePenalty != 0 {
            counts[token, default: 0] += 1
        }
    }

    /// The token at a position of the answer.
    /// - Parameters:
    ///   - logits: one for each token of the vocabulary; left as bias and penalties make them.
    ///   - position: counts the answer's tokens from 0.
    package func choose(_ logits: UnsafeMutableBufferPointer<Float>, position: Int) -> Int32 {
        penalise(logits)
        return draw(logits, position: position)
    }

    /// A token for logits after bias and penalties.
    func draw(_ logits: UnsafeMutableBufferPointer<Float>, position: Int) -> Int32 {
        guard settings.temperature > 0 else { return Int32(truncatingIfNeeded: Self.best(logits)) }
        let candidates = self.candidates(logits)
        let whole = candidates.reduce(0) { $0 + $1.weight }
        let counter = SIMD4(UInt32(truncatingIfNeeded: position), choice, 0x7461_6c61, 0)
        var left = Philox4x32.unit(key: settings.seed, counter: counter) * whole
        for candidate in candidates {
            left -= candidate.weight
            if left < 0 { return candidate.token }
        }
        return candidates.last { $0.weight > 0 }?.token ?? Int32(truncatingIfNeeded: Self.best(logits))
    }

    /// The probabilities with which tokens are drawn, of those that can be; at a temperature of 0
    /// that of the likeliest is 1.
    package func distribution(_ logits: UnsafeMutableBufferPointer<Float>) -> [Int32: Double] {
        penalise(logits)
        guard settings.temperature > 0 else { return [Int32(truncatingIfNeeded: Self.best(logits)): 1] }
        let candidates = self.candidates(logits)
        let whole = candidates.reduce(0) { $0 + $1.weight }
        return Dictionary(candidates.map { ($0.token, $0.weight / whole) }) { first, _ in first }
    }

    func penalise(_ logits: UnsafeMutableBufferPointer<Float>) {
        for entry in settings.biases where entry.token >= 0 && Int(entry.token) < logits.count { logits[Int(entry.token)] += entry.bias }
        if settings.repetitionPenalty != 1 {
            let penalty = Float(settings.repetitionPenalty)
            for token in inPrompt.union(counts.keys) where token >= 0 && Int(token) < logits.count {
                let logit = logits[Int(token)]
                logits[Int(token)] = logit > 0 ? logit / penalty : logit * penalty
            }
        }
        guard settings.frequencyPenalty != 0 || settings.presencePenalty != 0 else { return }
        for (token, count) in counts where token >= 0 && Int(token) < logits.count {
            logits[Int(token)] -= Float(settings.frequencyPenalty * Double(count) + settings.presencePenalty)
        }
    }

    struct Candidate {
        var token: Int32
        /// In proportion to the probability; that of the likeliest is 1.
        var weight: Double
    }

    /// The tokens that are drawn from, for logits after bias and penalties.
    func candidates(_ logits: UnsafeMutableBufferPointer<Float>) -> [Candidate] {
        let greatest = Double(logits[Self.best(logits)])
        guard greatest.isFinite else { return [] }
        var threshold = -Float.infinity
        if settings.topK > 0, settings.topK < logits.count { threshold = Self.largest(settings.topK, of: logits) }
        var candidates: [Candidate] = []
        candidates.reserveCapacity(settings.topK > 0 ? min(settings.topK, logits.count) : logits.count)
        for index in logits.indices where logits[index] >= threshold {
            let weight = exp((Double(logits[index]) - greatest) / settings.temperature)
            if weight >= settings.minP { candidates.append(Candidate(token: Int32(truncatingIfNeeded: index), weight: weight)) }
        }
        return settings.topP < 1 ? likeliest(candidates) : candidates
    }

    /// The k-th largest logit, by a heap of the k largest so far.
    private static func largest(_ count: Int, of logits: UnsafeMutableBufferPointer<Float>) -> Float {
        var heap: [Float] = []
        heap.reserveCapacity(count)
        func sift(from start: Int) {
            var place = start
            while true {
                var smallest = place
                for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child] < heap[smallest] { smallest = child }
                if smallest == place { return }
                heap.swapAt(place, smallest)
                place = smallest
            }
        }
        for logit in logits {
            if heap.count < count {
                heap.append(logit)
                if heap.count == count { for place in stride(from: count / 2, through: 0, by: -1) { sift(from: place) } }
            } else if logit > heap[0] {
                heap[0] = logit
                sift(from: 0)
            }
        }
        return heap.first ?? -.infinity
    }

    /// The fewest of the likeliest that reach `topP` together. Only as many are sorted as may be
    /// needed: those above a share of the likeliest, which is lowered until they suffice.
    private func likeliest(_ candidates: [Candidate]) -> [Candidate] {
        let wanted = candidates.reduce(0) { $0 + $1.weight } * settings.topP
        var share = 1e-2
        while true {
            var some = share < 1e-30 ? candidates : candidates.filter { $0.weight >= share }
            let sum = some.reduce(0) { $0 + $1.weight }
            if sum < wanted, some.count < candidates.count {
                share *= share
                continue
            }
            some.sort { ($1.weight, $0.token) < ($0.weight, $1.token) }
            var reached = 0.0
            let count = some.firstIndex { candidate in
                reached += candidate.weight
                return reached >= wanted
            }
            return Array(some.prefix((count ?? some.count - 1) + 1))
        }
    }
}
