import TestSupport
import Testing

@testable import Tokenization

@Suite struct PatternTests {
    /// The pieces into which an expression cuts a text.
    static func pieces(_ expression: String, _ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        let cut = CutText(text: AlignedText(bytes, base: 0, tracksPlaces: false), pieces: [0..<bytes.count])
        return cut.cut(.isolated, at: .pattern(try Pattern(expression))).pieces.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    // What Oniguruma makes of these, through the reference library.
    @Test(arguments: [
        ("^a", "a\nab a", ["a", "\n", "a", "b a"]), ("b$", "ab\nb\n", ["a", "b", "\n", "b", "\n"]), (".", "a\nb", ["a", "\n", "b"]),
        ("(?m:.)", "a\nb", ["a", "\n", "b"]), (#"\h+"#, "xyzabc12", ["xyz", "abc12"]), (#"\R"#, "a\r\nb\n", ["a", "\r\n", "b", "\n"]),
        ("[[:alpha:]]+", "ab1c", ["ab", "1", "c"]), ("(?i:k)", "K\u{212A}k", ["K", "\u{212A}", "k"]), ("(a*)*b", "aaab", ["aaab"]),
        ("[a-z&&[^b]]+", "abcd", ["a", "b", "cd"]), ("a{,2}", "aaa", ["aa", "a"]), ("a{2}+", "aaaaa", ["aaaa", "a"]),
        ("a{1,2}+", "aaaaa", ["aaaaa"]),
        ("(?<=ab|c)d", "abd cd xd", ["ab", "d", " c", "d", " xd"]), ("(?<!a)b", "ab bb", ["ab ", "b", "b"]),
        (#"\p{Han}+"#, "漢字kana", ["漢字", "kana"]),
        (#"\p{^L}+"#, "ab 1", ["ab", " 1"]), (#"\b"#, "ab cd", ["ab", " ", "cd"]), ("", "ab", ["a", "b"]), ("a|", "ab", ["a", "b"]),
        (#"\p{L}++(?=x)"#, "abx", ["abx"]), ("(?>ab|a)b", "abb", ["abb"]), ("a(?i)b|c", "aBC", ["aB", "C"]),
        (#"[\p{L}\p{N}&&[^a]]"#, "abc1", ["a", "b", "c", "1"]), (#"\d{1,3}(?=(?:\d{3})*\b)"#, "1234567", ["1", "234", "567"]),
        (#"[^\s\p{L}\p{N}]|\s(?=\s)"#, "a  b!", ["a", " ", " b", "!"]), (#"\w+?b"#, "aab ab", ["aab", " ", "ab"]),
        ("[]a]", "]a", ["]", "a"]),
        (#"\s+(?!\S)|\s+"#, "a   b", ["a", "  ", " ", "b"]), (#"\Q.*\E"#, "x.*", ["x", ".*"]),
    ]) func anExpressionCutsAsTheReferenceDoes(expression: String, text: String, wanted: [String]) throws {
        #expect(try Self.pieces(expression, text) == wanted)
    }

    @Test(arguments: ["(", ")", "[a", "[z-a]", "*a", "a{2", #"\p{Foo}"#, #"\X"#, "(?<=a+)b", "(?y)a", #"\u12"#, "{2}", #"(\w)\1"#])
    func anExpressionThatIsNotUnderstoodIsAnErrorOrLiteral(expression: String) {
        if expression == "a{2" {
            #expect(throws: Never.self) { try Pattern(expression) }
        } else {
            #expect(throws: PatternError.self) { try Pattern(expression) }
        }
    }

    @Test(arguments: [
        #"(a+)+$"#, #"(a|a)*b"#, #"(a|aa)+c"#, #"(?:a*)*b"#, #"\s*[\r\n]+x|\s"#, #"a*a*a*a*b"#, #"(?:a+)++b"#, #"(?=(a+)+b)a"#,
    ])
    func anExpressionThatBacktracksWithoutEndStillReturnsSoon(expression: String) throws {
        let seconds = try ProcessorTime.measure {
            _ = try Self.pieces(expression, String(repeating: "a", count: 2_000))
            _ = try Self.pieces(expression, String(repeating: " ", count: 2_000))
        }
        #expect(seconds < 20)
    }

    @Test func rememberedFailuresDoNotChangeWhatMatches() throws {
        // Long enough that the matcher begins to remember; each x is found all the same.
        let text = String(repeating: String(repeating: "a", count: 40) + "x", count: 50)
        #expect(try Self.pieces("(?:a|aa)*x", text).count == 50)
        #expect(try Self.pieces("(?:a|aa)*y|[^x]+", text).count == 100)
    }
}
