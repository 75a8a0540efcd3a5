import CPUBackend
import Graph
import Models
import Tensors
import TestSupport
import Testing

@testable import Training

/// Sums of squares of what weights are multiplied by.
@Suite struct ActivationSquaresTests {
    private static func texts(_ vocabulary: Int) -> [[Int32]] {
        (0..<9).map { text in (0..<(20 + 7 * text)).map { Int32(($0 * $0 * 31 + text * 57 + 5) % vocabulary) } }
    }

    private static func squares(
        _ name: String, rowLimit: Int
    ) throws -> (model: LanguageModel, checkpoint: Checkpoint, texts: [[Int32]], squares: ActivationSquares) {
        let opened = try OpenedModel(path: ReferenceSet.own.path("models/" + name))
        let weights = try #require(opened.weights)
        let texts = texts(opened.configuration.vocabularySize)
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: texts.map(\.count).max() ?? 1)
        let squares = try ActivationSquares(model, device: CPUDevice(), texts: texts, rowLimit: rowLimit)
        try squares.run()
        return (model, weights, texts, squares)
    }

    /// Of the first layer the sums follow from the embedding alone.
    @Test func sumsAreThoseOfTheNormalisedRows() throws {
        let (model, checkpoint, texts, squares) = try Self.squares("llama-tiny", rowLimit: 1024)
        let hidden = model.configuration.hiddenSize
        let embedding = try #require(checkpoint.tensors["model.embed_tokens.weight"]).floats()
        let norm = try #require(checkpoint.tensors["model.layers.0.input_layernorm.weight"]).floats()
        var expected = [Double](repeating: 0, count: hidden)
        for id in texts.joined() {
            let row = embedding[Int(id) * hidden..<(Int(id) + 1) * hidden].map { Double($0) }
            let mean = row.reduce(0) { $0 + $1 * $1 } / Double(hidden) + 1e-5
            for (column, number) in row.enumerated() {
                expected[column] += number * number / mean * Double(norm[column]) * Double(norm[column])
            }
        }
        let sums = try squares.result()
        let count = texts.reduce(0) { $0 + $1.count }
        #expect(squares.tokenCount == count && squares.pieceCount == 1 && squares.pieceLength == count)
        for module in ["q_proj", "k_proj", "v_proj"] {
            let found = try #require(sums["model.layers.0.self_attn.\(module).weight"])
            #expect(found.rowCount == count && found.squares.count == hidden)
            for (own, exact) in zip(found.squares, expected) { #expect(abs(Double(own) - exact) <= 1e-4 * exact + 1e-6) }
        }
        // Rows have the length one before a norm's weight, whatever they are.
        let last = try #require(checkpoint.tensors["model.norm.weight"]).floats()
        let head = try #require(sums[model.configuration.tiesEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"])
        let length = zip(head.squares, last).reduce(0.0) { $0 + Double($1.0) / (Double($1.1) * Double($1.1)) }
        #expect(abs(length / Double(count * hidden) - 1) < 1e-2)
        // Every linear layer is there, and the head.
        #expect(sums.count == model.linearModules.count(where: { !$0.isEmbedding }) + 1)
    }

    @Test func theSameTextsGiveTheSameSums() throws {
        let first = try Self.squares("llama-tiny", rowLimit: 64)
        let again = try Self.squares("llama-tiny", rowLimit: 64)
        #expect(try first.squares.result() == again.squares.result())
        #expect(first.squares.pieceCount > 3 && first.squares.pieceLength == 64)
    }

    @Test func textsAreCutWhereAProgramEnds() {
        let texts: [[Int32]] = [[1, 2, 3], [], [4, 5, 6, 7], [8], [9, 10]]
        #expect(ActivationSquares.batches(texts, rowLimit: 5) == [[[1, 2, 3], [4, 5]], [[8], [9, 10]]])
        #expect(ActivationSquares.batches(texts, rowLimit: 100).map { $0.joined().count } == [10])
    }

    /// Rows of experts add up to those that were chosen.
    @Test(arguments: ["qwen3-moe-small", "gpt-oss-small"]) func everyExpertHasTheRowsThatChoseIt(name: String) throws {
        let (model, _, texts, squares) = try Self.squares(name, rowLimit: 96)
        let sums = try squares.result()
        let count = texts.reduce(0) { $0 + $1.count }
        let experts = model.linearModules.filter { $0.isExpert && $0.layer == 0 && $0.shortName == "up_proj" }
        let rows = try experts.map { try #require(sums[$0.name + ".weight"]).rowCount }
        let downs = try experts.map {
            try #require(sums[$0.name.replacing("up_proj", with: "down_proj") + ".weight"]).rowCount
        }
        #expect(rows == downs && rows.reduce(0, +) % squares.tokenCount == 0 && rows.reduce(0, +) > 0 && squares.tokenCount <= count)
        for (module, own) in zip(experts, rows) {
            let sum = try #require(sums[module.name + ".weight"]).squares.reduce(0, +)
            #expect((own == 0) == (sum == 0), "\(module.name)")
        }
        #expect(sums.count == model.linearModules.count(where: { !$0.isEmbedding }) + 1)
    }
}
