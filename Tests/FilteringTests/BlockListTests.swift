import Testing

@testable import Filtering

@Suite struct BlockListTests {
    private static func list(_ lines: String...) throws -> BlockList { try BlockList(name: "list", lines.joined(separator: "\n")) }

    @Test func aTermIsFoundAsAWholeWordUnlessItIsOpen() throws {
        let whole = try Self.list("bad", "# good", "", "very  bad idea")
        #expect(whole.count == 2)
        for text in ["bad", "This is bad.", "bad,", "(bad)", "BAD", "a-bad-b"] { #expect(whole.match(in: text)?.term == "bad", "\(text)") }
        for text in ["badger", "forbad", "b ad", "good", "bad_", "bäd", ""] { #expect(whole.match(in: text) == nil, "\(text)") }
        let open = try Self.list("bad*", "*ger", "*oo*")
        #expect(open.match(in: "badly")?.line == 1 && open.match(in: "forbadly") == nil)
        #expect(open.match(in: "badger")?.line == 1 && open.match(in: "a burger")?.line == 2 && open.match(in: "gerund") == nil)
        #expect(open.match(in: "school")?.line == 3)
    }

    @Test(arguments: [
        "STRASSE", "straße", "Straſſe", "ｓｔｒａｓｓｅ", "stra\u{200B}sse", "str\u{00AD}asse", "\u{2060}strasse\u{FEFF}", "strasſe",
    ]) func noDisguiseHidesATerm(_ text: String) throws {
        #expect(try Self.list("Straße").match(in: "die \(text) dort") != nil, "\(text)")
    }

    @Test func lettersWithMarksAreTheSameHoweverTheyAreWritten() throws {
        #expect(try Self.list("café").match(in: "un cafe\u{301} noir") != nil)
        #expect(try Self.list("cafe\u{301}").match(in: "CAFÉ") != nil)
        #expect(try Self.list("cafe").match(in: "café") == nil)
        #expect(try Self.list("ΣΊΣΥΦΟΣ").match(in: "σίσυφος") != nil)
    }

    /// As a search that looks at every place for every term.
    @Test func theAutomatonFindsWhatASearchForEachTermFinds() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let letters = ["a", "b", "c", " "]
            func word(_ range: ClosedRange<Int>, _ alphabet: [String]) -> String {
                (0..<Int.random(in: range, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" }.joined()
            }
            let terms = (0..<Int.random(in: 1...6, using: &random)).map { _ in word(1...4, ["a", "b", "c"]) }
            let text = word(0...24, letters)
            let isOpen = Bool.random(using: &random)
            let list = try BlockList(name: "x", terms.map { isOpen ? "*\($0)*" : $0 }.joined(separator: "\n"))
            let wanted =
                isOpen ? terms.contains { text.contains($0) } : terms.contains { text.split(separator: " ").contains(Substring($0)) }
            #expect((list.match(in: text) != nil) == wanted, "\(terms) in \"\(text)\", open: \(isOpen)")
        }
    }

    /// What is passed on before the rest is known never holds a part of a term that follows.
    @Test func aBeginningHoldsBackWhatMayBecomeATerm() throws {
        let list = try Self.list("bad idea", "x*")
        let text = "it is a bad ide, a bad idea"
        var passed = 0
        var found = false
        for end in 1...text.count {
            let beginning = String(text.prefix(end))
            let (match, openEnd) = list.match(inBeginning: beginning)
            if match != nil { found = true }
            passed = max(passed, end - openEnd)
        }
        #expect(!found, "the word may go on")
        #expect(list.match(in: text)?.line == 1)
        #expect(String(text.prefix(passed)) == "it is a bad ide, a ")
        #expect(list.match(inBeginning: "it is a bad idea ").match?.line == 1)
    }

    @Test func aListThatSaysNothingOrTooMuchIsRefusedWithItsLine() {
        for (text, line) in [("a\n*\n", 2), ("a\n**", 2), ("a\n\nb*c", 3), ("\u{200B}", 1), (String(repeating: "a", count: 300), 1)] {
            do {
                _ = try BlockList(name: "n", text)
                Issue.record("\(text.prefix(20)) is taken")
            } catch { #expect(error.line == line && error.name == "n") }
        }
        #expect(throws: BlockList.Failure.self) { try BlockList(name: "n", String(repeating: "a\n", count: BlockList.termLimit + 1)) }
    }

    /// A term that makes a naive search slow costs what any other does: the work is counted by the
    /// bytes that are looked at.
    @Test func hostileTermsAndTextsCostWhatOthersDo() throws {
        let terms = (1...200).map { String(repeating: "a", count: $0) + "b" }
        let list = try BlockList(name: "n", terms.joined(separator: "\n"))
        #expect(list.match(in: String(repeating: "a", count: 200_000)) == nil)
        #expect(list.match(in: String(repeating: "a ", count: 100_000) + "aab")?.line == 2)
    }
}
