import Basics
import Engine
import Testing
import Tokenization

/// Where the text of an answer ends, however its tokens cut it.
@Suite struct AnswerTextTests {
    private static func tokens(_ text: String) throws -> (Tokenizer, [Int32]) {
        let tokenizer = try ChatEncoder(folder: DemoEngine.folder).tokenizer
        return (tokenizer, tokenizer.encode(text, addSpecialTokens: false))
    }

    private static func text(_ words: String, stops: [String], trigger: String? = nil, onlyAtStart: Bool = false) throws -> String {
        let (tokenizer, ids) = try tokens(words)
        var answer = AnswerText(tokenizer, stops: stops, trigger: trigger.map { Array($0.utf8) }, triggersOnlyAtStart: onlyAtStart)
        var found = ""
        for id in ids where !answer.isStopped { found += answer.append(id) }
        return found + (answer.isStopped ? "" : answer.finish())
    }

    /// Against a search of the whole text for each string.
    @Test func theStopStringThatEndsFirstCountsAndOfThoseTheLongest() throws {
        var random = SplitMix64(seed: 5)
        func word(_ most: Int) -> String {
            String((0..<1 + Int(random.next() % UInt64(most))).map { _ in "ab".randomElement(using: &random) ?? "a" })
        }
        let whole = try Self.text("ab", stops: [])
        for _ in 0..<300 {
            let words = word(40)
            let stops = (0..<3).map { _ in word(9) }
            let shown = try Self.text(words, stops: [])
            var wanted = shown
            let ends = stops.compactMap { stop in shown.firstRange(of: stop).map { (end: $0.upperBound, start: $0.lowerBound) } }
            if let first = ends.min(by: { ($0.end, $0.start) < ($1.end, $1.start) }) { wanted = String(shown[..<first.start]) }
            #expect(try Self.text(words, stops: stops) == wanted, "\(words) \(stops)")
        }
        #expect(whole.contains("ab"))
    }

    /// Strings that repeat themselves, as long as they may be: a byte costs what others do. A
    /// search from every place would compare thousands of millions of bytes here.
    @Test func stopStringsThatRepeatThemselvesCostWhatOthersDo() throws {
        let half = String(repeating: "a", count: 1 << 15)
        let stops = (0..<16).map { half + "b\($0)" + String(repeating: "a", count: 1 << 14) }
        let words = String(repeating: "a", count: 60_000)
        #expect(try Self.text(words, stops: stops) == Self.text(words, stops: []))
    }

    /// What looks like the beginning of a call, behind other text: it is text, in its place.
    @Test func textBehindWhatIsNoTriggerStaysInOrder() throws {
        for words in ["x{\"nfoo", "The {\"name fox", "{\"na me", "a{a{\"a{\"n"] {
            let plain = try Self.text(words, stops: [])
            #expect(try Self.text(words, stops: [], trigger: "{\"name\": ", onlyAtStart: true) == plain)
            #expect(try Self.text(words, stops: [], trigger: "{\"name\": ") == plain)
            #expect(try Self.text(words, stops: ["never"], trigger: "{\"name\": ", onlyAtStart: true) == plain)
        }
    }

    @Test func nothingOfATriggerIsText() throws {
        let (tokenizer, ids) = try Self.tokens("The fox <call>{}")
        let plain = try Self.text("The fox <call>{}", stops: [])
        var answer = AnswerText(tokenizer, stops: ["ll>{}"], trigger: Array("<call>".utf8))
        var found = ""
        for id in ids where !answer.isStopped { found += answer.append(id) }
        found += answer.endBeforeTrigger()
        #expect(plain.hasPrefix(found) && !found.contains("<") && found.contains("fox"))
    }
}
