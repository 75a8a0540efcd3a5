import GGUF
import Tensors
import TestSupport
import Testing

/// Blocks as ggml's reference makes them of the same numbers.
@Suite struct GGUFQuantizingTests {
    private static let hasReference = ReferenceSet.available.contains(.shared)

    private struct Case {
        let numbers: [Float]
        /// What the reference makes of them, and what that means.
        let bytes: [UInt8]
        let back: [Float]
        let rows: Int

        init(_ type: GGUFType) throws {
            let file = try SafetensorsFile(path: ReferenceSet.shared.path("gguf/blocks/\(type.rawValue).safetensors"))
            func tensor(_ name: String) throws -> StoredTensor { try #require(file.tensors.first { $0.name == name }) }
            let source = try tensor("quantize.float32")
            (numbers, rows) = (source.floats(), source.shape[0])
            bytes = try Array(tensor("quantize.raw").bytes)
            back = try tensor("quantize.back").floats()
        }
    }

    @Test(
        .enabled(if: hasReference, "../shared/golden is not there"),
        arguments: [GGUFType.q8_0, .q4_0, .q5_0, .q5_1, .q4_k, .q5_k, .q6_k])
    func blocksAreThoseOfTheReference(type: GGUFType) throws {
        let example = try Case(type)
        let bytes = example.numbers.withUnsafeBufferPointer { type.bytes($0) }
        #expect(bytes.count == example.bytes.count && bytes.count == type.byteCount(example.numbers.count))
        let size = type.byteCount(type.blockLength)
        let others = stride(from: 0, to: bytes.count, by: size).filter {
            bytes[$0..<($0 + size)] != example.bytes[$0..<($0 + size)]
        }
        #expect(others.isEmpty, "\(others.count) blocks of \(bytes.count / size)")
    }

    /// The exponent is chosen by the error here, and not there.
    @Test(.enabled(if: hasReference, "../shared/golden is not there"))
    func blocksOfFourBitsWithAnExponentAreNowhereWorseThanTheReferences() throws {
        let example = try Case(.mxfp4)
        let found = Self.mxfp4(example.numbers.withUnsafeBufferPointer { GGUFType.mxfp4.bytes($0) })
        var (isBetter, isEqual) = (0, 0)
        for start in stride(from: 0, to: found.count, by: 32) {
            func error(_ values: [Float]) -> Double {
                (start..<(start + 32)).reduce(0) {
                    $0 + Double(values[$1] - example.numbers[$1]) * Double(values[$1] - example.numbers[$1])
                }
            }
            let (ours, theirs) = (error(found), error(example.back))
            #expect(ours <= theirs * (1 + 1e-6), "block at \(start)")
            if ours < theirs { isBetter += 1 } else { isEqual += 1 }
        }
        #expect(isBetter > 0 && isEqual > 0)
    }

    private static func mxfp4(_ bytes: [UInt8]) -> [Float] {
        let sizes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        return stride(from: 0, to: bytes.count, by: 17).flatMap { block -> [Float] in
            let scale = Float(sign: .plus, exponent: Int(bytes[block]) - 127, significand: 1)
            return (0..<32).map { index in
                let code = Int(bytes[block + 1 + index % 16] >> (index < 16 ? 0 : 4)) & 15
                return (code < 8 ? scale : -scale) * sizes[code & 7]
            }
        }
    }

    /// Bytes that ggml's reference (0.27, without fused multiply-add) makes of these numbers.
    private static let recorded: [(type: GGUFType, bytes: String)] = [
        (
            .q8_0,
            "e01b81b2f956cb55f7af7c615b6d95d3289314ad5a1ffbedf5134894f66efda35d30"
        ),
        (
            .q4_0,
            "d02b9033e8ad857d7793df1e7eff8125eab1"
        ),
        (
            .q5_0,
            "d027284f8dd93066bf4bf9ebff269f2cfcee034ac562"
        ),
        (
            .q5_1,
            "f827d0b7284f8dc92056bf4af9daef269f2cebddf34ab562"
        ),
        (
            .q4_k,
            "571b172a1251c0510a09c00907a2ffa39093a7dd146cd7630fad7d5e41557ab10962ed7927e6b7a9acc1f73e97029d3a00904010f0e0f01040900070"
                + "00b0704030305080c0209010b0703020102040807fbf0f6fdf7f1fdfaf9f9fafdf2f7fef7f1fcf9f7f6f7f9fdf2f9f1faf5f1fefefbfafacbdef3c8f"
                + "008c2bcf9f7f7c8daedc3e9c1fae5d1dedcedf0c3d7bce4c"
        ),
        (
            .q5_k,
            "4b17122a1151c0510a0ac00a07a0ffa1f2fad2d3f8d95af031fb73f9f0d87bf2d1d073fb58d27a73fbd2f2517250d37930365fbb39ebcfd50f7c0bcd"
                + "a2ca057212e5eb045fdd8e526992fe8e3f243c761040b030f0e0f030b0401000308000a08080b010a050304080f080504060a0201e8e0edeeefe3ede"
                + "7e4e4e7ede4e0efefe2eae3efeee0e5ede5e3e2e6ebe2efefe9e6f689afe792e001856be5e1ff7196cd77c483e6cbb3bebccde086bf6bb98"
        ),
        (
            .q6_k,
            "000c0e0603050e0c0f08070b05050a050a0806070106030a0b0f0300010b0502d676ac87164d1a8aa07ed0e7a50801b0aea3333fb624af0483edc011"
                + "084d1962404050d00040e04000d0b0404050c0f0c08080e0a0c030f020a070a0302050f0f04ee0ea4afde6670c36968da927ff3dcda1e5868dca7f79"
                + "da889600cce3613fc84889cf01070dc4834bcb47c4458a8c0d0b4085ce028205c443020c060f448de8e8a094ece410ac089818e8aca0549ca4c02c88"
                + "34a46418ece0f8002844e04ceb12ec14000015f11010ecee80ebeceb0092"
        ),
    ]

    /// Numbers of every size, the same everywhere: an outlier, a group of zeros, a constant one.
    private static let numbers: [Float] = (0..<256).map { index in
        switch index {
        case 64..<96: 0
        case 128..<160: 0.375
        case 200: -3
        default: Float((index * 37 + index * index * 11) % 251 - 125) / 256
        }
    }

    @Test func everyCloneHasBlocksOfTheReference() {
        for (type, expected) in Self.recorded {
            let bytes = Self.numbers.withUnsafeBufferPointer { type.bytes($0) }
            let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            // Of small blocks the first is recorded.
            #expect(text.prefix(expected.count) == expected, "\(type)")
        }
    }
}
