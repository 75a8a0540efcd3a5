import JSON
import Testing

@testable import Tokenization

@Suite struct BytePairTrainerTests {
    static let text = String(repeating: "the cat sat on the mat; the dog didn't. Größe 12345\n\n  the end\n", count: 40)

    @Test(arguments: BytePairTrainer.Splitting.allCases) func whatIsLearntGivesTheTextBackAndShortensIt(
        splitting: BytePairTrainer.Splitting
    ) throws {
        let trainer = BytePairTrainer(vocabularySize: 340, specialTokens: ["<|endoftext|>", "<|user|>"], splitting: splitting)
        let tokenizer = try Tokenizer(json: trainer.train(on: [Self.text]))
        #expect(tokenizer.vocabularySize <= 340 && tokenizer.vocabularySize > 280)
        let ids = tokenizer.encode(Self.text)
        #expect(ids.count < Self.text.utf8.count / 2)
        #expect(tokenizer.decode(ids) == Self.text)
        #expect(tokenizer.id(of: "<|endoftext|>") == 0 && tokenizer.id(of: "<|user|>") == 1)
        #expect(tokenizer.encode("a<|user|>b").contains(1))
        #expect(tokenizer.decode(tokenizer.encode("日本\u{0}🙂 unseen")) == "日本\u{0}🙂 unseen")
    }

    @Test func trainingTwiceGivesTheSameBytes() {
        let trainer = BytePairTrainer(vocabularySize: 320, specialTokens: ["<s>"])
        #expect(JSONWriter().bytes(trainer.train(on: Self.text)) == JSONWriter().bytes(trainer.train(on: Self.text)))
    }

    @Test func theFirstMergeIsTheMostFrequentPair() {
        let file = BytePairTrainer(vocabularySize: 258, specialTokens: []).train(on: "ab ab ab cd cd")
        #expect(file["model"]?["merges"]?.array?.first == ["a", "b"])
    }

    @Test func textTooSmallForTheVocabularyEndsEarly() throws {
        let tokenizer = try Tokenizer(json: BytePairTrainer(vocabularySize: 10_000, specialTokens: []).train(on: ""))
        #expect(tokenizer.vocabularySize == 256)
    }
}
