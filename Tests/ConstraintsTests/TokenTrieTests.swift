import Basics
import Constraints
import JSON
import Testing

@Suite struct TokenTrieTests {
    /// Tokens of every kind: single bytes, pieces of characters, pieces of JSON, doubles, nothing.
    private static let tokens: [[UInt8]] = {
        var random = SplitMix64(seed: 3)
        var tokens = (0...255).map { [UInt8($0)] }
        let words = [
            #"{""#, #"":"#, #"": "#, "},", "]}", "tru", "true", "null", "12", "1.5", "e-", #"\""#, #"\u00"#, "é", "a", "ab", "abc", ", ",
            "",
        ]
        tokens += words.map { Array($0.utf8) } + words.map { Array($0.utf8) }
        let letters = Array(#"{}[]:,"ab01-.tfn \"#.utf8)
        for _ in 0..<200 {
            tokens.append((0..<Int(random.next() % 5)).map { _ in letters[Int(random.next() % UInt64(letters.count))] })
        }
        return tokens
    }()

    @Test(arguments: [
        #"{"type": "object", "properties": {"ab": {"type": "string", "maxLength": 4}, "n": {"type": ["number", "null"]}}}"#, "{}",
        #"{"type": "array", "items": {"type": "boolean"}}"#, #"{"type": "string", "pattern": "^(ab|é)*$"}"#,
    ]) func theTokensOfAStateAreThoseWhoseBytesFit(_ schema: String) throws {
        let recognizer = Recognizer(try Automaton(schema: try JSONParser().parse(schema)))
        let trie = TokenTrie(Self.tokens)
        var random = SplitMix64(seed: 11)
        var state = recognizer.start
        for _ in 0..<60 {
            let mask = trie.mask(recognizer, state)
            var fitting: [Int32] = []
            for (id, bytes) in Self.tokens.enumerated() {
                let fits = !bytes.isEmpty && recognizer.next(state, bytes) != Recognizer.dead
                #expect(mask.contains(Int32(id)) == fits, "\(bytes)")
                if fits { fitting.append(Int32(id)) }
            }
            guard let token = fitting.randomElement(using: &random) else { break }
            state = recognizer.next(state, Self.tokens[Int(token)])
        }
        #expect(!trie.mask(recognizer, recognizer.start).contains(Int32(Self.tokens.count)))
        #expect(trie.mask(recognizer, Recognizer.dead).isEmpty)
    }

    @Test func logitsOfTokensThatDoNotFitBecomeImpossible() throws {
        let recognizer = Recognizer(try Automaton(schema: ["type": "null"]))
        let mask = TokenTrie(Self.tokens).mask(recognizer, recognizer.start)
        var logits = (0..<600).map { Float($0) }
        logits.withUnsafeMutableBufferPointer { mask.apply($0, except: [5, -1, 9_999]) }
        for (id, logit) in logits.enumerated() {
            #expect(logit == (mask.contains(Int32(id)) || id == 5 ? Float(id) : -.infinity))
        }
        #expect(mask.contains(Int32(UInt8(ascii: "n"))) && !mask.contains(Int32(UInt8(ascii: "t"))))
    }
}
