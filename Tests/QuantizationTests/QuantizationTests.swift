import Quantization
import Tensors
import Testing

/// Quantised tensors against the published definitions, computed anew in float64, and against bytes
/// that bitsandbytes wrote.
@Suite struct QuantizationTests {
    /// Numbers that look normal and are the same in every language: sums of four 22-bit whole
    /// numbers, scaled exactly.
    static func numbers(_ count: Int) -> [Float] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            var sum = 0
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                sum += Int(state >> 42) - (1 << 21)
            }
            return Float(sum) / Float(1 << 23)
        }
    }

    static func quantized(_ numbers: [Float], _ format: QuantizedFormat, threads: Int = 2) -> (layout: QuantizedLayout, words: [UInt32]) {
        let layout = QuantizedLayout(format, elementCount: numbers.count)
        var words = [UInt32](repeating: 0xFFFF_FFFF, count: layout.wordCount)
        words.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let fault = WeightQuantizer(layout).quantize(into: start, threadCount: threads) { range, target in
                for (index, element) in range.enumerated() { target[index] = numbers[element] }
            }
            #expect(fault == nil)
        }
        return (layout, words)
    }

    static func bytes(_ words: [UInt32], from word: Int, count: Int) -> [UInt8] {
        words[word...].withUnsafeBytes { Array($0.prefix(count)) }
    }

    static func dequantized(_ layout: QuantizedLayout, _ words: [UInt32], _ range: Range<Int>) -> [Float] {
        [Float](unsafeUninitializedCapacity: range.count) { buffer, count in
            words.withUnsafeBytes { bytes in
                if let start = bytes.baseAddress, let target = buffer.baseAddress {
                    QuantizedWeight(layout, start).dequantize(range, into: target)
                }
            }
            count = range.count
        }
    }

    /// FNV-1a, 64 bits.
    static func hash(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }

    /// scripts/check-quantization makes these figures from bitsandbytes (0.50.2 gave them).
    @Test func nf4IsBitForBitWhatBitsandbytesWrites() {
        let (layout, words) = Self.quantized(Self.numbers(257 * 172), .nf4)
        #expect(Self.hash(Self.bytes(words, from: layout.codeWord, count: 257 * 172 / 2)) == PublishedBytes.codes)
        #expect(Self.hash(Self.bytes(words, from: layout.scaleWord, count: layout.blockCount)) == PublishedBytes.scaleCodes)
        #expect(Self.hash(Self.bytes(words, from: layout.groupWord, count: 4 * layout.groupCount)) == PublishedBytes.groups)
        #expect(words[QuantizedLayout.meanWord] == PublishedBytes.mean)
        #expect(Self.hash(DynamicMap.values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }) == PublishedBytes.map)
        let floats = Self.dequantized(layout, words, 0..<layout.elementCount)
        #expect(Self.hash(floats.withUnsafeBytes { Array($0) }) == PublishedBytes.numbers)
    }

    @Test(arguments: [1, 63, 64, 65, 127, 5_000, 20_011])
    func nf4TakesTheNearestOfTheSixteenNumbersInEveryBlock(_ count: Int) {
        let numbers = Self.numbers(count)
        let (layout, words) = Self.quantized(numbers, .nf4)
        let codes = Self.bytes(words, from: layout.codeWord, count: (count + 1) / 2)
        for block in 0..<layout.blockCount {
            let range = block * 64..<min(count, block * 64 + 64)
            let greatest = Double(numbers[range].map(\.magnitude).max() ?? 0)
            for element in range {
                let code = Int(element % 2 == 0 ? codes[element / 2] >> 4 : codes[element / 2] & 15)
                let wanted = Double(numbers[element]) / max(greatest, 1e-38)
                let nearest = NormalFloat.values.map { (Double($0) - wanted).magnitude }.min() ?? 0
                #expect((Double(NormalFloat.values[code]) - wanted).magnitude <= nearest + 1e-6, "element \(element)")
            }
        }
    }

    @Test(arguments: [1, 64, 100, 20_011, 70_000])
    func scalesOfNF4ComeBackWithinTheirOwnQuantisation(_ count: Int) {
        let numbers = Self.numbers(count)
        let (layout, words) = Self.quantized(numbers, .nf4)
        let greatest = (0..<layout.blockCount).map { block in
            Double(numbers[block * 64..<min(count, block * 64 + 64)].map(\.magnitude).max() ?? 0)
        }
        let mean = greatest.reduce(0, +) / Double(greatest.count)
        words.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let weight = QuantizedWeight(layout, start)
            for block in 0..<layout.blockCount {
                let group = block / 256 * 256..<min(layout.blockCount, block / 256 * 256 + 256)
                let spread = greatest[group].map { ($0 - mean).magnitude }.max() ?? 0
                // The map's widest step is 1/64 of 0.9; half of it either way.
                #expect((Double(weight.scale(ofBlock: block)) - greatest[block]).magnitude <= spread * 0.9 / 128 + 1e-6)
            }
        }
    }

    @Test(arguments: [1, 31, 32, 33, 5_000, 20_011])
    func q8IsWithinHalfAStepOfEveryNumber(_ count: Int) {
        let numbers = Self.numbers(count)
        let (layout, words) = Self.quantized(numbers, .q8)
        let floats = Self.dequantized(layout, words, 0..<count)
        for element in 0..<count {
            let block = element / 32 * 32..<min(count, element / 32 * 32 + 32)
            let step = Double(numbers[block].map(\.magnitude).max() ?? 0) / 127
            // Half a step, and what rounding the scale to half precision does to up to 127 steps.
            #expect((Double(floats[element]) - Double(numbers[element])).magnitude <= step * (0.5 + 127 * 0x1p-11) + 1e-7)
        }
    }

    @Test(arguments: QuantizedFormat.allCases)
    func anyRangeReadsAsThePartOfTheWhole(_ format: QuantizedFormat) {
        let (layout, words) = Self.quantized(Self.numbers(4_001), format)
        let whole = Self.dequantized(layout, words, 0..<4_001)
        for range in [0..<1, 1..<2, 63..<65, 31..<97, 1_023..<4_001, 500..<500, 4_000..<4_001] {
            #expect(Self.dequantized(layout, words, range) == Array(whole[range]))
        }
    }

    @Test(arguments: QuantizedFormat.allCases)
    func theNumberOfThreadsChangesNothing(_ format: QuantizedFormat) {
        let numbers = Self.numbers(600_007)
        let one = Self.quantized(numbers, format, threads: 1).words
        #expect(Self.quantized(numbers, format, threads: 3).words == one)
    }

    @Test(arguments: QuantizedFormat.allCases)
    func zerosStayZeros(_ format: QuantizedFormat) {
        let (layout, words) = Self.quantized([Float](repeating: 0, count: 130) + Self.numbers(130), format)
        #expect(Self.dequantized(layout, words, 0..<128) == [Float](repeating: 0, count: 128))
    }

    @Test func numbersThatAreNoneAreRefused() {
        for (number, format, wanted) in [
            (Float.nan, QuantizedFormat.nf4, WeightQuantizer.Fault.notFinite), (.infinity, .q8, .notFinite), (1e8, .q8, .tooLarge),
        ] {
            let layout = QuantizedLayout(format, elementCount: 200)
            let words = UnsafeMutableRawPointer.allocate(byteCount: layout.byteCount, alignment: 64)
            defer { words.deallocate() }
            let fault = WeightQuantizer(layout).quantize(into: words) { range, target in
                for (index, element) in range.enumerated() { target[index] = element == 150 ? number : 1 }
            }
            #expect(fault == wanted)
        }
    }
}
