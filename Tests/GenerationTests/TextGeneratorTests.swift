import CPUBackend
import Foundation
import Generation
import JSON
import Datasets
import Models
import Tensors
import TestSupport
import Testing
import Tokenization
import Training

@Suite struct TextGeneratorTests {
    /// The model that comes with the project.
    private static let demo: String = {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.deletingLastPathComponent().path + "/demo/model"
    }()

    private static func generator(_ folder: String, capacity: Int) throws -> TextGenerator {
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .nothing, maximumLength: capacity
        )
        return try TextGenerator(model: model, device: CPUDevice(), capacity: capacity)
    }

    private static func prompt(_ text: String) throws -> [Int32] {
        try ChatEncoder(folder: demo).tokenizer.encode(text, addSpecialTokens: true)
    }

    @Test(arguments: ["greedy", "greedy_chat"], ReferenceSet.available)
    func greedyTextIsTheReferences(name: String, set: ReferenceSet) throws {
        let golden = try set.json(set == .own ? "generation_golden.json" : "stories260k/generation_golden.json")
        let entry = try #require(golden[name])
        let prompt = try #require(entry["prompt_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
        let all = try #require(entry["all_ids"]?.array).compactMap { $0.integer.map { Int32($0) } }
        let folder = set.trajectoryModel
        let encoder = try ChatEncoder(folder: folder)
        let generator = try Self.generator(folder, capacity: all.count + 1)
        // The reference's answer ends with the end token where it came to one.
        let wanted = all.dropFirst(prompt.count).prefix { !encoder.endIDs.contains($0) }
        let found = try generator.generate(prompt, maximumTokens: all.count - prompt.count, endIDs: encoder.endIDs)
        #expect(found == Array(wanted))
    }

    @Test func theCacheGivesTheTokensThatTheWholePromptGives() throws {
        let prompt = try Self.prompt("The little bird")
        let generator = try Self.generator(Self.demo, capacity: 64)
        let answer = try generator.generate(prompt, maximumTokens: 12, endIDs: [])
        #expect(answer.count == 12)
        for length in answer.indices {
            let next = try generator.generate(prompt + answer.prefix(length), maximumTokens: 1, endIDs: [])
            #expect(next == [answer[length]], "token \(length)")
        }
        #expect(generator.planCount == 2, "one plan for the prompt, one for a token")
    }

    /// What training computes for the whole text in one pass, without a cache, finds every
    /// generated token the likeliest too.
    @Test func aPromptLongerThanOnePassIsReadInPieces() throws {
        let piece = try Self.prompt("A fox ran over the hill and the fox was red. ")
        let prompt = Array(repeating: piece, count: 300 / piece.count + 1).flatMap { $0 }
        #expect(prompt.count > 256)
        let generator = try Self.generator(Self.demo, capacity: prompt.count + 8)
        let answer = try generator.generate(prompt, maximumTokens: 4, endIDs: [])
        #expect(answer.count == 4)
        let text = prompt + answer
        let model = try LanguageModel(
            ModelConfiguration(folder: Self.demo), source: .checkpoint(Checkpoint(folder: Self.demo)), training: .full,
            maximumLength: text.count)
        let size = ProgramSize(roundingUp: text.count, answer.count)
        let session = try TrainingSession(
            device: CPUDevice(), programs: Programs(model: model, optimizer: AdamWOptimizer()), largest: size)
        let batch = PackedBatch(
            [Sample(ids: text, isTrained: text.indices.map { $0 >= prompt.count })], tokenCapacity: size.tokenCount,
            trainedCapacity: size.trainedCount, window: nil, rotary: model.rotaryRows)
        #expect(try session.evaluate(batch)[Measures.accuracy].total == 4)
        #expect(try generator.generate(prompt, maximumTokens: 4, endIDs: []) == answer, "an earlier text must leave nothing behind")
    }

    @Test func aSeedGivesTheSameTextAndAnotherSeedAnother() throws {
        let prompt = try Self.prompt("The little bird")
        let generator = try Self.generator(Self.demo, capacity: 64)
        func text(_ seed: UInt64) throws -> [Int32] {
            try generator.generate(
                prompt, maximumTokens: 24, endIDs: [], sampling: SamplingSettings(temperature: 1.5, topP: 0.95, seed: seed))
        }
        let one = try text(1)
        #expect(try text(1) == one)
        #expect(try text(2) != one)
    }

    @Test func anEndTokenEndsTheTextAndIsNoPartOfIt() throws {
        let prompt = try Self.prompt("The little bird")
        let generator = try Self.generator(Self.demo, capacity: 64)
        let answer = try generator.generate(prompt, maximumTokens: 12, endIDs: [])
        let end = answer[6]
        #expect(try generator.generate(prompt, maximumTokens: 12, endIDs: [end]) == Array(answer.prefix { $0 != end }))
        var seen: [Int32] = []
        let stopped = try generator.generate(prompt, maximumTokens: 12, endIDs: []) { token in
            seen.append(token)
            return seen.count < 3
        }
        #expect(stopped == seen && seen == Array(answer.prefix(3)))
    }

    @Test func theTextEndsWhereTheCapacityDoes() throws {
        let prompt = try Self.prompt("The little bird")
        let generator = try Self.generator(Self.demo, capacity: prompt.count + 5)
        #expect(try generator.generate(prompt, maximumTokens: 50, endIDs: []).count == 5)
        #expect(try generator.generate(prompt, maximumTokens: 2, endIDs: []).count == 2)
        #expect(try generator.generate([], maximumTokens: 2, endIDs: []).isEmpty)
        #expect(try generator.generate(Array(repeating: 4, count: prompt.count + 5), maximumTokens: 2, endIDs: []).isEmpty)
    }

    @Test(arguments: [Int32(768), 100_000, -1]) func aTokenIDWithoutARowInTheEmbeddingIsRefused(id: Int32) throws {
        let generator = try Self.generator(Self.demo, capacity: 16)
        do {
            _ = try generator.generate([5, id], maximumTokens: 2, endIDs: [])
            Issue.record("the model has no row for \(id)")
        } catch let error as ModelError {
            #expect(error.message.contains("token id \(id)"))
            #expect(error.message.contains("768"))
        }
    }
}
