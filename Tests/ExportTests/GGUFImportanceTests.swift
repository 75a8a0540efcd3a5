import Foundation
import GGUF
import GGUFModels
import Models
import Quantization
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export

/// Blocks that are chosen by what errors in their columns count.
@Suite struct GGUFImportanceTests {
    private static let types: [GGUFType] = [.q4_0, .q5_0, .q4_k, .q5_k, .q6_k, .mxfp4]
    private static let columns = 512

    /// SplitMix64 (Steele et al. 2014): the same numbers everywhere.
    private struct Numbers {
        var state: UInt64
        mutating func next() -> Float {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Float((z ^ (z >> 31)) >> 40) / Float(1 << 23) - 1
        }
    }

    private struct Case {
        var rows: [Float] = []
        var weights: [Float] = []

        /// Rows of ordinary numbers, with outliers, of zeros, of one number, and tiny ones; weights
        /// over several orders of magnitude.
        init(seed: UInt64) {
            var numbers = Numbers(state: seed)
            for row in 0..<8 {
                for column in 0..<columns {
                    let number = numbers.next() * numbers.next() * numbers.next()
                    switch row {
                    case 3: rows.append(column % 97 == 0 ? 40 * number : number)
                    case 4: rows.append(0)
                    case 5: rows.append(0.3)
                    case 6: rows.append(number * 1e-6)
                    case 7: rows.append(column < 256 ? 0 : number)
                    default: rows.append(number)
                    }
                }
            }
            for _ in 0..<columns {
                let exponent = 6 * numbers.next()
                weights.append(Float(pow(10, Double(exponent))))
            }
        }
    }

    /// The weighted square error of each block in what is read back.
    private static func errors(_ bytes: [UInt8], _ example: Case, _ type: GGUFType) throws -> [Double] {
        let format = try #require(type.blocks)
        var back = [Float](repeating: 0, count: example.rows.count)
        bytes.withUnsafeBytes { raw in
            back.withUnsafeMutableBufferPointer { numbers in
                if let blocks = raw.baseAddress, let target = numbers.baseAddress {
                    format.decode(blocks, count: numbers.count / format.blockLength, into: target)
                }
            }
        }
        return stride(from: 0, to: back.count, by: format.blockLength).map { start in
            (start..<start + format.blockLength).reduce(0.0) { sum, index in
                let distance = Double(back[index]) - Double(example.rows[index])
                return sum + Double(example.weights[index % columns]) * distance * distance
            }
        }
    }

    @Test(arguments: types) func noBlockErrsMoreByTheWeightsThanWithoutThem(type: GGUFType) throws {
        var (plainSum, weightedSum) = (0.0, 0.0)
        for seed in 1...12 {
            let example = Case(seed: UInt64(seed))
            let (plain, weighted) = example.rows.withUnsafeBufferPointer {
                (type.bytes($0), type.bytes($0, weights: example.weights))
            }
            #expect(weighted.count == plain.count)
            let (before, after) = (try Self.errors(plain, example, type), try Self.errors(weighted, example, type))
            for (block, errors) in zip(before, after).enumerated() {
                #expect(errors.1 <= errors.0, "\(type), seed \(seed), block \(block): \(errors.1), without weights \(errors.0)")
            }
            plainSum += before.reduce(0, +)
            weightedSum += after.reduce(0, +)
            let again = example.rows.withUnsafeBufferPointer { type.bytes($0, weights: example.weights) }
            #expect(again == weighted)
        }
        // The exponent of a block is one of two.
        #expect(weightedSum < plainSum * (type == .mxfp4 ? 1 : 0.8), "\(type): \(weightedSum / plainSum)")
    }

    @Test func weightsAreThoseOfTheColumnsOfEveryRow() {
        let example = Case(seed: 5)
        for type in [GGUFType.q4_0, .q4_k] {
            let whole = example.rows.withUnsafeBufferPointer { type.bytes($0, weights: example.weights) }
            let rows = stride(from: 0, to: example.rows.count, by: Self.columns).flatMap { start in
                Array(example.rows[start..<start + Self.columns]).withUnsafeBufferPointer { type.bytes($0, weights: example.weights) }
            }
            #expect(whole == rows)
        }
        // What is rounded to the nearest has no use for weights.
        #expect(GGUFType.allCases.filter(\.mindsWeights) == [.q4_0, .q5_0, .mxfp4, .q4_k, .q5_k, .q6_k])
        let plain = example.rows.withUnsafeBufferPointer { GGUFType.q8_0.bytes($0) }
        #expect(example.rows.withUnsafeBufferPointer { GGUFType.q8_0.bytes($0, weights: example.weights) } == plain)
    }

    @Test func columnsThatWereHardlyUsedCountALittle() throws {
        var matrix = ImportanceMatrix(
            entries: ["a": .init(sums: [0, 4, 8, 16, 1, 1, 1, 1], counts: [2, 0])], sources: [], pieceCount: 1, pieceLength: 8)
        #expect(try #require(matrix.weights(of: "a")) == [0.005, 0.25, 0.5, 1])
        #expect(matrix.weights(of: "a", matrix: 1) == nil && matrix.weights(of: "a", matrix: 2) == nil && matrix.weights(of: "b") == nil)
        let other = matrix.fingerprint
        matrix.entries["a"]?.sums[0] = 1
        #expect(matrix.fingerprint != other)
    }

    // MARK: Files

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-importance-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    private static func texts(_ source: String) throws -> GGUFTexts { try GGUFTexts(JoinedFolder(path: source)) }

    /// Figures for every matrix of a checkpoint.
    private static func matrix(_ checkpoint: Checkpoint, _ source: String) throws -> ImportanceMatrix {
        var sums: [String: (squares: [Float], rowCount: Int)] = [:]
        for tensor in checkpoint.tensors.values where tensor.shape.count == 2 {
            var numbers = Numbers(state: UInt64(tensor.name.utf8.count))
            sums[tensor.name] = ((0..<tensor.shape[1]).map { _ in abs(numbers.next()) }, 100)
        }
        return try GGUFPlan.importance(sums, texts(source), sources: ["data.jsonl"], pieceCount: 2, pieceLength: 50)
    }

    @Test func aModelIsWrittenByAMatrixOfItsOwnAlone() throws {
        let source = ReferenceSet.checkout + "/demo/model"
        let checkpoint = try Checkpoint(folder: source)
        let matrix = try Self.matrix(checkpoint, source)
        #expect(matrix.entries["blk.3.ffn_down.weight"]?.columns == 352 && matrix.entries["token_embd.weight"]?.counts == [100])
        let plan = try GGUFPlan(Self.texts(source), checkpoint, mix: .q4_0, name: "Name")
        try Self.inFolder { folder in
            try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: folder + "/plain.gguf")
            for name in ["a", "b"] {
                try GGUFExport.writeModel(plan.weighted(by: matrix), StoredRows(checkpoint), to: folder + "/\(name).gguf")
            }
            let (plain, own) = (try DurableFiles.read(folder + "/plain.gguf"), try DurableFiles.read(folder + "/a.gguf"))
            #expect(try DurableFiles.read(folder + "/b.gguf") == own && own.count > plain.count && own.count - plain.count < 400)
            #expect(own.suffix(1 << 16) != plain.suffix(1 << 16))
            #expect(String(decoding: own.prefix(2000), as: UTF8.self).contains("quantize.imatrix.dataset"))
            // As llama.cpp keeps it, and read again.
            try matrix.save(to: folder + "/imatrix.gguf")
            #expect(try ImportanceFile.read(folder + "/imatrix.gguf") == matrix)
            #expect { try ImportanceFile.read(folder + "/a.gguf") } throws: { "\($0)".contains("general.type: is not imatrix") }
        }
        var lacking = matrix
        lacking.entries["blk.2.attn_v.weight"] = nil
        lacking.entries["token_embd.weight"] = nil
        #expect { try plan.weighted(by: lacking) } throws: { "\($0)".contains("says nothing of blk.2.attn_v.weight") }
        lacking.entries["blk.2.attn_v.weight"] = matrix.entries["blk.2.attn_v.weight"]
        _ = try plan.weighted(by: lacking)
        var other = matrix
        other.entries["blk.0.attn_q.weight"] = .init(sums: [1, 2], counts: [1])
        #expect { try plan.weighted(by: other) } throws: {
            "\($0)".contains("blk.0.attn_q.weight has 1 x 128 columns, and there 1 x 2")
        }
        let exact = try GGUFPlan(Self.texts(source), checkpoint, mix: .f16, name: "Name")
        #expect { try exact.weighted(by: matrix) } throws: { "\($0)".contains("the type f16 is rounded to the nearest") }
    }
}
