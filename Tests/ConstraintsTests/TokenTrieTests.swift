import Basics
import Constraints
import Glibc
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
        #"{"type": "string", "pattern": "b.a"}"#, #"{"type": "string", "pattern": "^.{2,3}$"}"#,
        #"{"type": "string", "pattern": "b[^a]{0,3}$"}"#, #"{"type": "array", "items": {"type": "string", "maxLength": 2}}"#,
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

    @Test func tokensAreFoundByTheirBeginnings() {
        let trie = TokenTrie(Self.tokens)
        for bytes in Self.tokens.prefix(300) + [[0x7B, 0x22, 0x41], Array("nothing".utf8)] where !bytes.isEmpty {
            let wanted = Self.tokens.indices.filter { Self.tokens[$0].starts(with: bytes) }.map { Int32($0) }
            #expect(trie.tokens(beginningWith: bytes).sorted() == wanted, "\(bytes)")
        }
        #expect(trie.tokens(beginningWith: []).isEmpty)
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

    /// As many tokens as large vocabularies have: words with and without a space in front, pieces
    /// of JSON, numbers, letters of three bytes, runs of one letter.
    private static let large: [[UInt8]] = {
        var random = SplitMix64(seed: 17)
        var tokens = Set((0...255).map { [UInt8($0)] })
        let syllables = [
            "a", "be", "con", "di", "er", "for", "ge", "ing", "ki", "lo", "ment", "na", "or", "pre", "qu", "re", "sta", "tion", "un", "ver",
        ]
        let marks = [#"":"#, #"": ""#, #"",""#, "},{", #"\n"#, #"\""#, "}}", "[[", ": ", ", "]
        while tokens.count < 150_000 {
            let word = (0...Int(random.next() % 5)).map { _ in syllables[Int(random.next() % 20)] }.joined()
            switch random.next() % 12 {
            case 0: tokens.insert(Array((word + marks[Int(random.next() % 10)]).utf8))
            case 1: tokens.insert(Array((marks[Int(random.next() % 10)] + word).utf8))
            case 2, 3:
                let letters = (0...Int(random.next() % 3)).compactMap { _ in Unicode.Scalar(0x4E00 + UInt32(random.next() % 20_000)) }
                tokens.insert(Array(String(String.UnicodeScalarView(letters)).utf8))
            case 4: tokens.insert(Array("\(random.next() % 100_000)".utf8))
            case 5: tokens.insert(Array(repeating: [32, 45, 61, 10][Int(random.next() % 4)], count: 1 + Int(random.next() % 120)))
            case 6: tokens.insert(Array((word.prefix(1).uppercased() + word.dropFirst()).utf8))
            default: tokens.insert(Array(((random.next() % 2 == 0 ? " " : "") + word).utf8))
            }
        }
        return tokens.sorted { $0.lexicographicallyPrecedes($1) }
    }()

    /// What a mask costs is counted, not timed: nodes that are looked at one by one.
    @Test func tokensOfPlainLettersAreTakenTogether() throws {
        let trie = TokenTrie(Self.large)
        let nodes = Set(Self.large.flatMap { token in (1...token.count).map { Array(token.prefix($0)) } }).count
        for schema in [#"{"type": "string"}"#, #"{"type": "string", "maxLength": 2000}"#, #"{"type": "string", "maxLength": 20}"#] {
            let recognizer = Recognizer(try Automaton(schema: try JSONParser().parse(schema)))
            var state = recognizer.next(recognizer.start, UInt8(ascii: "\""))
            var worst = 0
            for _ in 0..<5 {
                var visits = 0
                let mask = trie.mask(recognizer, state, visits: &visits)
                worst = max(worst, visits)
                for id in stride(from: 0, to: Self.large.count, by: 97) {
                    #expect(mask.contains(Int32(id)) == (recognizer.next(state, Self.large[id]) != Recognizer.dead), "\(Self.large[id])")
                }
                state = recognizer.next(state, Array("bird".utf8))
            }
            print("a mask of \(schema): \(worst) of \(nodes) nodes looked at")
            #expect(worst < nodes / 4)
        }
    }

    /// Classes of patterns, too, in a row or a number of times, and what may stand anywhere.
    @Test(arguments: ["^[a-z]+( [a-z]+)*$", "^[a-zA-Z0-9_-]{1,40}$", "^[A-Z][a-z]*$", "bird", "b.*d.?$", "(ir|ur)d"])
    func tokensOfAClassAreTakenTogether(
        _ pattern: String
    ) throws {
        let trie = TokenTrie(Self.large)
        let nodes = Set(Self.large.flatMap { token in (1...token.count).map { Array(token.prefix($0)) } }).count
        let recognizer = Recognizer(try Automaton(schema: ["type": "string", "pattern": JSONNode(pattern)]))
        var state = recognizer.next(recognizer.start, Array("\"Bird".utf8))
        if state == Recognizer.dead { state = recognizer.next(recognizer.start, Array("\"bird".utf8)) }
        var visits = 0
        let mask = trie.mask(recognizer, state, visits: &visits)
        for id in stride(from: 0, to: Self.large.count, by: 7) {
            #expect(mask.contains(Int32(id)) == (recognizer.next(state, Self.large[id]) != Recognizer.dead), "\(Self.large[id])")
        }
        print("a mask of \(pattern): \(visits) of \(nodes) nodes looked at")
        #expect(visits < nodes / 4)
    }

    /// With `TALA_BENCH=1`: microseconds that a mask takes which has not come up before.
    @Test(.enabled(if: getenv("TALA_BENCH") != nil, "set TALA_BENCH=1 to time masks")) func timesOfMasks() throws {
        let trie = TokenTrie(Self.large)
        let schemas: [(name: String, schema: String, body: String)] = [
            ("string", #"{"type": "string"}"#, "some words"), ("string of 2000", #"{"type": "string", "maxLength": 2000}"#, "some words"),
            ("string of 20", #"{"type": "string", "maxLength": 20}"#, "some words"),
            ("words", #"{"type": "string", "pattern": "^[a-z]+( [a-z]+)*$"}"#, "some words and more of them"),
            ("name", #"{"type": "string", "pattern": "^[A-Z][a-z]+( [A-Z][a-z]+)*$"}"#, "Anna Maria Bergen"),
            ("identifier", #"{"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]{0,39}$"}"#, "some_identifier12"),
            ("slug", #"{"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}"#, "what-a-bird-says-12"),
            ("address", #"{"type": "string", "pattern": "^[a-z0-9.]+@[a-z0-9]+(\\.[a-z0-9]+)+$"}"#, "some.one@bird.example.com"),
            ("plate", #"{"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"}"#, "AB-1234"),
            ("contains", #"{"type": "string", "pattern": "bird"}"#, "what a bird says here"),
            ("any but", #"{"type": "string", "pattern": "^[^,;]*$"}"#, "some words"),
            ("lines", #"{"type": "string", "pattern": "^.{0,60}$"}"#, "some words"),
            ("date-time", #"{"type": "string", "format": "date-time"}"#, "2026-11-30T12:"),
        ]
        for (name, schema, body) in schemas {
            var seconds: [Double] = []
            var visits = 0
            for _ in 0..<5 {
                let recognizer = Recognizer(try Automaton(schema: try JSONParser().parse(schema)))
                var state = recognizer.next(recognizer.start, UInt8(ascii: "\""))
                for byte in body.utf8 {
                    let start = ThreadClock.seconds()
                    _ = trie.mask(recognizer, state, visits: &visits)
                    seconds.append(ThreadClock.seconds() - start)
                    state = recognizer.next(state, byte)
                    #expect(state != Recognizer.dead, "\(name)")
                }
            }
            seconds.sort()
            let (middle, most) = (Int(1e6 * seconds[seconds.count / 2]), Int(1e6 * seconds[seconds.count - 1]))
            print("a mask of \(name): median \(middle) us, longest \(most) us, \(visits / seconds.count) nodes")
        }
    }

    private enum ThreadClock {
        /// Processor time of this thread.
        static func seconds() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
        }
    }

    /// A schema of which every letter changes thousands of places: it is given up, soon, and for
    /// good.
    @Test func whatCostsMoreThanAnAnswerIsWorthIsGivenUp() throws {
        let recognizer = Recognizer(try Automaton(schema: ["type": "string", "pattern": "^([a-w ]?){2000}$"]))
        let trie = TokenTrie(Self.tokens)
        var state = recognizer.next(recognizer.start, UInt8(ascii: "\""))
        var count = 0
        while !recognizer.isExhausted, count < 3_000 {
            _ = trie.mask(recognizer, state)
            state = recognizer.next(state, UInt8(ascii: "a"))
            count += 1
        }
        #expect(recognizer.isExhausted)
        #expect(trie.mask(recognizer, state).isEmpty)
    }
}
