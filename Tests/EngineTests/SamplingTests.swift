import Engine
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct SamplingTests {
    private static func draws(_ settings: SamplingSettings, _ logits: [Float], count: Int) -> [Int32] {
        let sampler = TokenSampler(settings)
        return (0..<count).map { position in
            var logits = logits
            return logits.withUnsafeMutableBufferPointer { sampler.choose($0, position: position) }
        }
    }

    @Test func aTemperatureOfZeroTakesTheFirstOfTheLikeliestTokens() {
        #expect(Self.draws(SamplingSettings(), [0, 3, -1, 3], count: 3) == [1, 1, 1])
        #expect(Self.draws(SamplingSettings(), [.nan, 3, -1, 3], count: 1) == [1])
    }

    /// Whatever the vocabulary's size: the first of equals, past all that is not a number.
    @Test func theGreatestIsFoundWhereverItStands() {
        var state: UInt64 = 11
        func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 40)
        }
        func walk(_ logits: [Float]) -> Int {
            var (best, greatest) = (0, -Float.infinity)
            for (index, logit) in logits.enumerated() where logit > greatest { (best, greatest) = (index, logit) }
            return best
        }
        for count in [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 4095, 4096, 4097, 4128, 9000] {
            for kind in 0..<6 {
                var logits = (0..<count).map { _ in Float(next() % 180_001) / 10_000 - 9 }
                switch kind {
                case 1: logits = logits.map { $0.rounded() }
                case 2: for index in logits.indices where next() % 2 == 0 { logits[index] = .nan }
                case 3: for index in logits.indices.dropLast() { logits[index] = -.infinity }
                case 4: logits = logits.map { _ in .nan }
                case 5: logits[count - 1] = .infinity
                default: break
                }
                let wanted = walk(logits)
                let found = Int(Self.draws(SamplingSettings(), logits, count: 1)[0])
                #expect(found == wanted, "\(count) logits of kind \(kind): \(found), not \(wanted)")
            }
        }
    }

    @Test func seedAnswerAndPositionDecideADraw() {
        let logits = (0..<50).map { Float($0 % 7) / 3 }
        let one = Self.draws(SamplingSettings(temperature: 1, seed: 4), logits, count: 64)
        #expect(one == Self.draws(SamplingSettings(temperature: 1, seed: 4), logits, count: 64))
        #expect(one != Self.draws(SamplingSettings(temperature: 1, seed: 5), logits, count: 64))
        let other = TokenSampler(SamplingSettings(temperature: 1, seed: 4), choice: 1)
        var copy = logits
        let drawn = (0..<64).map { position in
            copy = logits
            return copy.withUnsafeMutableBufferPointer { other.choose($0, position: position) }
        }
        #expect(one != drawn)
    }

    /// Each count is binomial: five deviations either way happen once in a million seeds, and the
    /// seed is fixed.
    @Test func tokensAreDrawnByTheirProbability() {
        let logits: [Float] = [0, 0.693_147_2, 1.386_294_4]
        for (temperature, shares) in [(1.0, [1.0 / 7, 2.0 / 7, 4.0 / 7]), (0.5, [1.0 / 21, 4.0 / 21, 16.0 / 21])] {
            let count = 20_000
            let draws = Self.draws(SamplingSettings(temperature: temperature, seed: 9), logits, count: count)
            for (token, share) in shares.enumerated() {
                let found = Double(draws.filter { $0 == token }.count) / Double(count)
                let deviation = (share * (1 - share) / Double(count)).squareRoot()
                #expect(abs(found - share) < 5 * deviation, "temperature \(temperature): token \(token) came in \(found) of all draws")
            }
        }
    }

    /// Of probabilities 4/7, 2/7, 1/7 the two largest together reach 0.8; 4/7 alone reaches 0.5.
    @Test func onlyTheLikeliestTokensThatReachTopPAreDrawn() {
        let logits: [Float] = [0, 0.693_147_2, 1.386_294_4]
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, topP: 0.8, seed: 2), logits, count: 500)) == [1, 2])
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, topP: 0.5, seed: 2), logits, count: 500)) == [2])
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, topP: 1, seed: 2), logits, count: 500)) == [0, 1, 2])
    }

    @Test func topKKeepsWhatTiesWithTheLast() {
        let logits: [Float] = [1, 2, 2, 3, 0]
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, topK: 2, seed: 2), logits, count: 500)) == [1, 2, 3])
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, topK: 1, seed: 2), logits, count: 100)) == [3])
    }

    @Test func tokensBelowAShareOfTheLikeliestAreNotDrawn() {
        let logits: [Float] = [0, 0.693_147_2, 1.386_294_4]
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, minP: 0.4, seed: 2), logits, count: 500)) == [1, 2])
        #expect(Set(Self.draws(SamplingSettings(temperature: 1, minP: 1, seed: 2), logits, count: 100)) == [2])
    }

    @Test func penaltiesAndBiasChangeWhatIsLikeliest() {
        func greedy(_ settings: SamplingSettings, prompt: [Int32], answer: [Int32], _ logits: [Float]) -> Int32 {
            var sampler = TokenSampler(settings, prompt: prompt)
            for token in answer { sampler.append(token) }
            var logits = logits
            return logits.withUnsafeMutableBufferPointer { sampler.choose($0, position: answer.count) }
        }
        #expect(greedy(SamplingSettings(repetitionPenalty: 2), prompt: [0], answer: [], [3, 2, 1]) == 1)
        #expect(greedy(SamplingSettings(repetitionPenalty: 2), prompt: [1], answer: [], [-3, -2, -3.5]) == 0)
        #expect(greedy(SamplingSettings(frequencyPenalty: 0.6), prompt: [0, 0, 0], answer: [1, 1], [2, 3, 1]) == 0)
        #expect(greedy(SamplingSettings(presencePenalty: 1.5), prompt: [1], answer: [0, 0, 0], [3, 2, 1]) == 1)
        #expect(greedy(SamplingSettings(logitBias: [2: 5, 9: 100, -1: 100]), prompt: [], answer: [], [3, 2, 1]) == 2)
    }

    private static let isThere = ReferenceSet.available.contains(.shared)

    @Test(.enabled(if: isThere, "the reference data beside the project is missing"))
    func tokensAreDrawnFromTheReferencesDistributions() throws {
        let data = try ReferenceSet.shared.json("generation/distributions.json")
        let logits = try SafetensorsFile(path: ReferenceSet.shared.path("generation/logits.safetensors"))
        var checked = 0
        for entry in try #require(data["cases"]?.array) where entry["order"]?.string == "temperature_first" {
            let settings = try #require(entry["settings"])
            // The reference cuts by top_p before min_p.
            if settings["top_p"] != nil, settings["min_p"] != nil { continue }
            let name = try #require(entry["logits"]?.string)
            let tensor = try #require(logits.tensors.first { $0.name == name })
            let context = try #require(data["contexts"]?[name])
            func tokens(_ key: String) -> [Int32] { (context[key]?.array ?? []).compactMap { $0.integer.map { Int32($0) } } }
            var bias: [Int32: Float] = [:]
            for member in settings["logit_bias"]?.object ?? [] { bias[try #require(Int32(member.key))] = Float(member.node.double ?? 0) }
            var sampler = TokenSampler(
                SamplingSettings(
                    temperature: settings["temperature"]?.double ?? 1, topK: settings["top_k"]?.integer ?? 0,
                    minP: settings["min_p"]?.double ?? 0, topP: settings["top_p"]?.double ?? 1,
                    repetitionPenalty: settings["repetition_penalty"]?.double ?? 1,
                    frequencyPenalty: settings["frequency_penalty"]?.double ?? 0,
                    presencePenalty: settings["presence_penalty"]?.double ?? 0, logitBias: bias), prompt: tokens("prompt_ids"))
            for token in tokens("generated_ids") { sampler.append(token) }
            var numbers = tensor.floats()
            let found = numbers.withUnsafeMutableBufferPointer { sampler.distribution($0) }
            // All probabilities of a small vocabulary, the largest of another.
            let probabilities = try #require((entry["probabilities"] ?? entry["probabilities_of_ids"])?.array).compactMap(\.double)
            let ids = entry["ids"]?.array?.compactMap(\.integer) ?? Array(probabilities.indices)
            for (id, probability) in zip(ids, probabilities) {
                #expect(abs((found[Int32(id)] ?? 0) - probability) < 1e-6, "\(name) \(JSONWriter().string(settings)): token \(id)")
            }
            // Of all, the reference leaves out what float32 rounds to nothing.
            let (count, kept) = (found.values.filter { $0 > 0 }.count, entry["kept"]?.integer ?? 0)
            let takesAll = settings["top_p"]?.double == 1
            #expect(takesAll ? count >= kept : count == kept, "\(name) \(JSONWriter().string(settings))")
            checked += 1
        }
        #expect(checked > 100)
    }
}
