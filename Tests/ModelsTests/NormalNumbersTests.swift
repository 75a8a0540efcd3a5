import Tensors
import Testing

@testable import Models

@Suite struct NormalNumbersTests {
    private func floats(_ numbers: NormalNumbers, _ range: Range<Int>) -> [Float] {
        var result = [Float](repeating: .nan, count: range.count)
        result.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { numbers.fill(range, into: start, .float32) }
        }
        return result
    }

    @Test func numbersHaveTheMomentsOfTheNormalDistribution() {
        let numbers = floats(NormalNumbers(seed: 3, name: "a weight", deviation: 0.5), 0..<1_000_000).map(Double.init)
        let count = Double(numbers.count)
        let mean = numbers.reduce(0, +) / count
        let variance = numbers.reduce(0) { $0 + $1 * $1 } / count
        let fourth = numbers.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count / (variance * variance)
        #expect(abs(mean) < 0.002)
        #expect(abs(variance - 0.25) < 0.002)
        #expect(abs(fourth - 3) < 0.03)
        let beyondTwo = Double(numbers.count { abs($0) > 1 }) / count
        #expect(abs(beyondTwo - 0.0455) < 0.002)
    }

    @Test func aNumberDependsOnItsPlaceAndNotOnThePartsInWhichATensorIsFilled() {
        let numbers = NormalNumbers(seed: 3, name: "a weight", deviation: 1)
        let whole = floats(numbers, 0..<200_001)
        #expect(whole == floats(numbers, 0..<77_777) + floats(numbers, 77_777..<200_001))
        #expect(whole != floats(NormalNumbers(seed: 3, name: "another", deviation: 1), 0..<200_001))
        #expect(whole != floats(NormalNumbers(seed: 4, name: "a weight", deviation: 1), 0..<200_001))
        let neighbours = zip(whole, whole.dropFirst()).reduce(0.0) { $0 + Double($1.0 * $1.1) } / Double(whole.count)
        #expect(abs(neighbours) < 0.01)
    }

    @Test func narrowNumbersAreTheWideOnesRounded() {
        let numbers = NormalNumbers(seed: 1, name: "a weight", deviation: 0.02)
        let wide = floats(numbers, 0..<1_000)
        var narrow = [UInt16](repeating: 0, count: 1_000)
        narrow.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { numbers.fill(0..<1_000, into: start, .bfloat16) }
        }
        #expect(narrow == wide.map(FloatConversion.bfloat16))
    }
}
