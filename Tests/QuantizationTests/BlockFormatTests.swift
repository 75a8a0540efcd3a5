import Quantization
import Tensors
import TestSupport
import Testing

/// Blocks of GGUF files against the numbers of gguf-py and of ggml's reference.
@Suite struct BlockFormatTests {
    private static let hasReference = ReferenceSet.available.contains(.shared)

    private static func file(_ format: BlockFormat) throws -> SafetensorsFile {
        try SafetensorsFile(path: ReferenceSet.shared.path("gguf/blocks/\(format.rawValue).safetensors"))
    }

    private static func bytes(_ file: SafetensorsFile, _ name: String) -> [UInt8]? {
        file.tensors.first { $0.name == name }.map { Array($0.bytes) }
    }

    static func decoded(_ bytes: [UInt8], _ format: BlockFormat) -> [Float] {
        let blocks = bytes.count / format.blockByteCount
        return [Float](unsafeUninitializedCapacity: blocks * format.blockLength) { numbers, count in
            bytes.withUnsafeBytes { source in
                if let source = source.baseAddress, let target = numbers.baseAddress { format.decode(source, count: blocks, into: target) }
            }
            count = blocks * format.blockLength
        }
    }

    @Test(
        .enabled(if: hasReference, "../shared/golden is not there"), arguments: BlockFormat.allCases,
        [("random.raw", "random.float32"), ("awkward.raw", "awkward.float32"), ("quantize.raw", "quantize.back")])
    func everyBitIsTheReferences(_ format: BlockFormat, _ names: (String, String)) throws {
        let file = try Self.file(format)
        let blocks = try #require(Self.bytes(file, names.0))
        let wanted = try #require(file.tensors.first { $0.name == names.1 }).floats()
        #expect(format.byteCount(columns: wanted.count) == blocks.count)
        #expect(Self.decoded(blocks, format).map(\.bitPattern) == wanted.map(\.bitPattern))
    }

    @Test(.enabled(if: hasReference, "../shared/golden is not there"), arguments: BlockFormat.allCases)
    func aScaleThatIsNoFiniteNumberIsFound(_ format: BlockFormat) throws {
        let file = try Self.file(format)
        let good = try #require(Self.bytes(file, "random.raw"))
        #expect(good.withUnsafeBytes { FiniteNumbers.holds($0, format) })
        // The format with exponents has no such blocks in the reference.
        guard let bad = Self.bytes(file, "nonfinite.raw") else { return #expect(format == .mxfp4) }
        #expect(!bad.withUnsafeBytes { FiniteNumbers.holds($0, format) })
        for block in stride(from: 0, to: bad.count, by: format.blockByteCount) {
            let one = Array(bad[block..<block + format.blockByteCount])
            #expect(one.withUnsafeBytes { FiniteNumbers.holds($0, format) } == Self.decoded(one, format).allSatisfy(\.isFinite))
        }
    }

    @Test func exponentsAreTooLargeWhereANumberIs() {
        for (exponent, codes, isFinite) in [(UInt8(252), UInt8(0x77), true), (253, 0x55, true), (253, 0x56, false), (255, 0x11, true)] {
            let block = [exponent] + [UInt8](repeating: codes, count: 16)
            #expect(block.withUnsafeBytes { FiniteNumbers.holds($0, .mxfp4) } == isFinite)
            #expect(Self.decoded(block, .mxfp4).allSatisfy(\.isFinite) == isFinite)
        }
    }

    @Test func numbersInFilesAreThoseOfGgml() {
        let numbers = BlockFormat.allCases.map { ($0.rawValue, $0.number) }
        #expect(Set(numbers.map(\.1)).count == numbers.count)
        #expect(BlockFormat.allCases.allSatisfy { BlockFormat(number: $0.number) == $0 })
        // Numbers one by one, activations, what was taken back, what has tables.
        for number in [0, 1, 4, 5, 9, 15, 16, 19, 30, 31, 40, 41, 1_000_000] as [UInt32] { #expect(BlockFormat(number: number) == nil) }
    }

    @Test func aRowBeyondAllMemoryHasNoSize() { #expect(BlockFormat.q8_0.byteCount(columns: Int.max / 32 * 32) == nil) }

    /// Every bit pattern is a block, at any address.
    @Test(arguments: BlockFormat.allCases)
    func anyColumnsOfARowAreAPartOfTheWhole(_ format: BlockFormat) {
        var state: UInt64 = 7
        let columns = 2 * 256
        let size = format.byteCount(columns: columns) ?? 0
        let bytes = (0..<size + 1).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let whole = Self.decoded(Array(bytes.dropFirst()), format).map(\.bitPattern)
        #expect(whole.count == columns)
        for range in [0..<columns, 0..<1, 31..<33, 250..<262, 255..<columns, 64..<320, 300..<300] {
            var part = [Float](repeating: 7, count: range.count + 1)
            bytes.withUnsafeBytes { source in
                part.withUnsafeMutableBufferPointer { target in
                    if let source = source.baseAddress, let target = target.baseAddress {
                        format.decode(row: source + 1, columns: range, into: target)
                    }
                }
            }
            #expect(part.dropLast().map(\.bitPattern) == Array(whole[range]) && part[range.count] == 7)
        }
        #expect(format.byteCount(columns: columns + 1) == nil)
    }
}
