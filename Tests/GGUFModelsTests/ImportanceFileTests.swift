import Foundation
import GGUF
import GGUFModels
import Storage
import Testing

/// Files of llama-imatrix, whole and damaged.
@Suite struct ImportanceFileTests {
    private static func good() -> GGUFBytes {
        var file = GGUFBytes()
        file.keys = [
            ("general.type", .string("imatrix")), ("imatrix.datasets", .strings(["wiki.txt"])), ("imatrix.chunk_count", .uint32(3)),
            ("imatrix.chunk_size", .uint32(512)),
        ]
        file.tensors = [
            .init(name: "blk.0.attn_q.weight.in_sum2", sizes: [2, 1], bytes: floats([1, 2])),
            .init(name: "blk.0.attn_q.weight.counts", sizes: [1, 1], bytes: floats([4])),
            .init(name: "blk.0.ffn_up_exps.weight.in_sum2", sizes: [2, 3], bytes: floats([1, 2, 3, 4, 0, 0])),
            .init(name: "blk.0.ffn_up_exps.weight.counts", sizes: [1, 3], bytes: floats([4, 2, 0])),
        ]
        return file
    }

    private static func floats(_ numbers: [Float]) -> [UInt8] { numbers.flatMap { GGUFBytes.little($0.bitPattern) } }

    private static func read(_ file: GGUFBytes) throws -> ImportanceMatrix {
        let path = NSTemporaryDirectory() + "tala-imatrix-\(UUID().uuidString).gguf"
        defer { FolderListing.delete(path) }
        try Data(file.bytes).write(to: URL(fileURLWithPath: path))
        return try ImportanceFile.read(path)
    }

    @Test func sumsAndCountsAreRead() throws {
        let matrix = try Self.read(Self.good())
        #expect(matrix.entries["blk.0.attn_q.weight"] == .init(sums: [1, 2], counts: [4]))
        #expect(matrix.entries["blk.0.ffn_up_exps.weight"] == .init(sums: [1, 2, 3, 4, 0, 0], counts: [4, 2, 0]))
        #expect(matrix.sources == ["wiki.txt"] && matrix.pieceCount == 3 && matrix.pieceLength == 512)
        #expect(matrix.weights(of: "blk.0.ffn_up_exps.weight", matrix: 2) == nil)
    }

    @Test func whatIsWrongIsNamed() {
        func expect(_ words: String, _ change: (inout GGUFBytes) -> Void) {
            var file = Self.good()
            change(&file)
            #expect { try Self.read(file) } throws: { "\($0)".contains(words) }
        }
        expect("general.type: is not imatrix") { $0.keys[0].1 = .string("model") }
        expect("attn_q.weight.in_sum2: stands alone: .counts is missing") { $0.tensors.remove(at: 1) }
        expect("attn_q.weight.counts: stands alone: .in_sum2 is missing") { $0.tensors.remove(at: 0) }
        expect("is neither sums (.in_sum2) nor counts (.counts)") { $0.tensors[0].name = "blk.0.attn_q.weight" }
        expect("has 2 numbers, and there are sums of 1 matrices") {
            $0.tensors[1] = .init(name: "blk.0.attn_q.weight.counts", sizes: [1, 2], bytes: Self.floats([1, 2]))
        }
        for number: Float in [-1, .infinity, .nan] {
            expect("blk.0.attn_q.weight.in_sum2: holds a number that no sum of squares can be") {
                $0.tensors[0].bytes = Self.floats([1, number])
            }
        }
        expect("is stored as F16, and F32 is expected") {
            $0.tensors[1] = .init(name: "blk.0.attn_q.weight.counts", sizes: [1, 1], type: 1, bytes: [0, 0])
        }
        expect("holds no figures of any matrix") { $0.tensors = [] }
        expect("imatrix.chunk_count") { $0.keys[2].1 = .string("three") }
    }
}
