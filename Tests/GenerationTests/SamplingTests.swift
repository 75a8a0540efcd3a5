import Generation
import Testing

@Suite struct SamplingTests {
    private static func draws(_ settings: SamplingSettings, _ logits: [Float], count: Int) -> [Int32] {
        var sampler = TokenSampler(settings)
        return (0..<count).map { _ in sampler.choose(logits) }
    }

    @Test func aTemperatureOfZeroTakesTheFirstOfTheLikeliestTokens() {
        #expect(Self.draws(SamplingSettings(), [0, 3, -1, 3], count: 3) == [1, 1, 1])
    }

    @Test func theSeedDecidesTheDraws() {
        let logits = (0..<50).map { Float($0 % 7) / 3 }
        let one = Self.draws(SamplingSettings(temperature: 1, seed: 4), logits, count: 64)
        #expect(one == Self.draws(SamplingSettings(temperature: 1, seed: 4), logits, count: 64))
        #expect(one != Self.draws(SamplingSettings(temperature: 1, seed: 5), logits, count: 64))
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
}
