import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenization

@Suite struct ComponentTests {
    /// A tokenizer of single bytes with some components of its own.
    static func tokenizer(_ more: [JSONMember], vocabulary: [String] = [], merges: [JSONNode] = []) throws -> Tokenizer {
        let tokens = (0..<256).map { ByteTokens.name(of: UInt8($0)) } + vocabulary
        let model: JSONNode = [
            "type": "BPE", "byte_fallback": true, "vocab": JSONNode(tokens.enumerated().map { JSONMember($1, JSONNode($0)) }),
            "merges": JSONNode(merges),
        ]
        return try Tokenizer(json: JSONNode(more + [JSONMember("model", model)]))
    }

    static func text(_ tokenizer: Tokenizer, _ text: String) -> String {
        String(decoding: tokenizer.encode(text).map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    @Test(arguments: [
        ("normalizer", "Fancy"), ("pre_tokenizer", "Fancy"), ("post_processor", "Fancy"), ("decoder", "Fancy"),
    ]) func aComponentThatIsNotKnownIsNamed(part: String, type: String) {
        #expect { try Self.tokenizer([JSONMember(part, ["type": JSONNode(type)])]) } throws: { error in
            guard let error = error as? TokenizerError else { return false }
            return error.field == part + ".type" && error.message.contains(type)
        }
    }

    @Test func dropoutIsRefused() {
        let file: JSONNode = ["model": ["type": "BPE", "dropout": 0.1, "vocab": ["a": 0], "merges": []]]
        #expect { try Tokenizer(json: file) } throws: { ($0 as? TokenizerError)?.field == "model.dropout" }
    }

    @Test func normalizersRunInOrder() throws {
        let steps: JSONNode = [
            "type": "Sequence",
            "normalizers": [
                ["type": "Lowercase"], ["type": "Replace", "pattern": ["Regex": "[aeiou]"], "content": "_"],
                ["type": "Prepend", "prepend": ">"],
            ],
        ]
        #expect(try Self.text(Self.tokenizer([JSONMember("normalizer", steps)]), "HELLO") == ">h_ll_")
    }

    @Test(arguments: [
        ("Removed", ["a", "b"]), ("Isolated", ["a", "-", "-", "b"]), ("MergedWithPrevious", ["a-", "-", "b"]),
        ("MergedWithNext", ["a", "-", "-b"]),
        ("Contiguous", ["a", "--", "b"]),
    ]) func theFiveBehavioursOfSplit(name: String, wanted: [String]) throws {
        let behavior = try #require(SplitBehavior(rawValue: name))
        let bytes = Array("a--b".utf8)
        let cut = CutText(text: AlignedText(bytes, base: 0, tracksPlaces: false), pieces: [0..<4]).cut(
            behavior, at: .string(Array("-".utf8)))
        #expect(cut.pieces.map { String(decoding: bytes[$0], as: UTF8.self) } == wanted)
    }

    @Test func addedTokensSwallowSpaceAndStandAlone() throws {
        let added: JSONNode = [
            ["id": 256, "content": "<a>", "lstrip": true, "rstrip": true, "special": true],
            ["id": 257, "content": "foo", "single_word": true, "normalized": false],
        ]
        let tokenizer = try Self.tokenizer([JSONMember("added_tokens", added)])
        #expect(
            tokenizer.encodeWithRanges("x  <a> \ny") == [
                .init(id: 120, range: 0..<1), .init(id: 256, range: 1..<8), .init(id: 121, range: 8..<9),
            ])
        #expect(tokenizer.encode("foo foobar").filter { $0 == 257 }.count == 1)
        #expect(tokenizer.decode([120, 256, 121], skipSpecialTokens: true) == "<0x78> <0x79>")
    }

    @Test func aUnigramModelTakesTheLikeliestWay() throws {
        let file: JSONNode = [
            "model": [
                "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -1.5], ["abc", -9.0]],
            ]
        ]
        let tokenizer = try Tokenizer(json: file)
        #expect(tokenizer.encode("abab") == [3, 3])
        #expect(tokenizer.encode("azzb") == [1, 0, 2])
    }

    @Test func wordPiecesContinueWithTheirPrefix() throws {
        let file: JSONNode = [
            "pre_tokenizer": ["type": "Whitespace"],
            "model": ["type": "WordPiece", "unk_token": "?", "vocab": ["?": 0, "un": 1, "##able": 2, "##a": 3]],
        ]
        #expect(try Tokenizer(json: file).encode("unable un unx") == [1, 2, 1, 0])
    }

    @Test func rangesCoverTheTextThatATokenStandsFor() throws {
        let steps: JSONNode = [
            "type": "Sequence",
            "normalizers": [
                ["type": "NFC"], ["type": "Prepend", "prepend": "▁"], ["type": "Replace", "pattern": ["String": " "], "content": "▁"],
            ],
        ]
        let tokenizer = try Self.tokenizer([JSONMember("normalizer", steps)], vocabulary: ["▁", "é", "▁é"], merges: [["▁", "é"]])
        #expect(tokenizer.encodeWithRanges("e\u{301} é").map(\.range) == [0..<3, 3..<6])
        #expect(tokenizer.encodeWithRanges("日").last?.range == 0..<3)
    }

    @Test(arguments: ["a", " ", "!", "\n", "é", "1", "▁"]) func aWordWithoutEndTakesTimeInProportion(unit: String) throws {
        let trainer = BytePairTrainer(vocabularySize: 300, specialTokens: [])
        let tokenizer = try Tokenizer(json: trainer.train(on: String(repeating: unit, count: 64)))
        // A megabyte takes an unoptimised build seconds; what grows with the square of the length
        // shows at a tenth of it.
        let size = Extent.isFull ? 1_000_000 : 100_000
        let text = String(repeating: unit, count: size / unit.utf8.count)
        let seconds = ProcessorTime.measure { #expect(tokenizer.decode(tokenizer.encode(text)).utf8.count == text.utf8.count) }
        #expect(seconds < 30)
    }

    @Test func manyThreadsGetTheSameTokens() async throws {
        let tokenizer = try Tokenizer(json: BytePairTrainer(vocabularySize: 400, specialTokens: []).train(on: BytePairTrainerTests.text))
        let wanted = tokenizer.encode(BytePairTrainerTests.text)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 { group.addTask { tokenizer.encode(BytePairTrainerTests.text) == wanted } }
            for await isSame in group { #expect(isSame) }
        }
    }

    @Test func aStreamGivesOutWholeCharactersAndAllOfThem() throws {
        let tokenizer = try Self.tokenizer([
            JSONMember("decoder", ["type": "Sequence", "decoders": [["type": "ByteFallback"], ["type": "Fuse"]]])
        ])
        var stream = TextStream(tokenizer)
        var pieces: [String] = []
        for id in tokenizer.encode("aé🙂z") { pieces.append(stream.append(id)) }
        #expect(pieces.filter { !$0.isEmpty } == ["a", "é", "🙂", "z"])
        #expect(stream.append(0xC3).isEmpty)
        #expect(stream.finish() == "\u{FFFD}")
    }

    @Test func randomChangesToAFileNeverCrash() throws {
        let file = JSONWriter().bytes(
            BytePairTrainer(vocabularySize: 270, specialTokens: ["<s>"], splitting: .llama3).train(on: "some text, some more text"))
        var numbers = Numbers(seed: 11)
        let words = ["null", "0", "-1", "\"\"", "[]", "{}", "1e9", "\"Regex\"", "\"type\"", "true"].map { Array($0.utf8) }
        var taken = 0
        for _ in 0..<300 {
            var bytes = file
            for _ in 0...numbers.next(3) {
                let place = numbers.next(bytes.count)
                switch numbers.next(3) {
                case 0: bytes[place] = UInt8(numbers.next(256))
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + numbers.next(8)))
                default: bytes.insert(contentsOf: words[numbers.next(words.count)], at: place)
                }
            }
            guard let tokenizer = try? Tokenizer(bytes: bytes) else { continue }
            taken += 1
            _ = tokenizer.decode(tokenizer.encode("some <s> text 123 é"))
        }
        #expect((10..<290).contains(taken), "\(taken) of 300 are still tokenizers")
    }
}
