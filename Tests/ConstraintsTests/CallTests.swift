import Basics
import Constraints
import JSON
import Testing

@Suite struct CallTests {
    private static let tools = [
        CallableTool(
            name: "weather", parameters: ["type": "object", "properties": ["city": ["type": "string"]], "required": ["city"]],
            isStrict: false),
        CallableTool(name: "weather_now", parameters: nil, isStrict: false),
    ]
    private static let bracketed = CallForm(
        opening: [.text(Array("[CALLS][{\"name\": \"".utf8))], middle: [.text(Array("\", \"arguments\": ".utf8))],
        between: [.text(Array(", \"id\": \"".utf8)), .identifier(length: 9), .text(Array("\"}, {\"name\": \"".utf8))],
        closing: [.text(Array(", \"id\": \"".utf8)), .identifier(length: 9), .text(Array("\"}]".utf8))], trigger: Array("[CALLS][".utf8))

    private static func acceptance(_ form: CallForm, isTriggered: Bool = false, allowsSeveral: Bool = true) throws -> Acceptance {
        var ignored: [(tool: Int, path: String)] = []
        return Acceptance(
            try Automaton(callsOf: tools, in: form, isTriggered: isTriggered, allowsSeveral: allowsSeveral, ignored: &ignored))
    }

    private static let one = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Köln\"}}\n</tool_call>"
    private static let two = one + "\n<tool_call>\n{\"name\": \"weather_now\", \"arguments\": {}}\n</tool_call>"

    @Test func callsHaveTheirFormAndTheirToolsArguments() throws {
        let several = try Self.acceptance(.generic)
        #expect(several.takes(Self.one) && several.takes(Self.two))
        #expect(!several.takes(Self.one.replacing("city", with: "town")) && !several.takes(Self.one.replacing("weather", with: "other")))
        let single = try Self.acceptance(.generic, allowsSeveral: false)
        #expect(single.takes(Self.one) && !single.takes(Self.two))
        let triggered = try Self.acceptance(.generic, isTriggered: true)
        #expect(triggered.takes(String(Self.one.dropFirst("<tool_call>".count))) && !triggered.takes(Self.one))
        let bracketed = try Self.acceptance(Self.bracketed)
        #expect(bracketed.takes(#"[CALLS][{"name": "weather_now", "arguments": {}, "id": "abcDEF123"}]"#))
        #expect(!bracketed.takes(#"[CALLS][{"name": "weather_now", "arguments": {}, "id": "abc"}]"#))
    }

    @Test func callsAreReadAsTheyComeHoweverTheyAreCut() throws {
        let second =
            #"[CALLS][{"name": "weather", "arguments": {"city": "]}é\""}, "id": "abcDEF123"}, {"name": "weather_now", "arguments": {}, "id": "000000000"}]"#
        for (form, text) in [(CallForm.generic, Self.two), (Self.bracketed, second)] {
            for size in [1, 2, 3, 7, 1_000] {
                var reader = CallReader(form, isTriggered: false)
                var (names, arguments): ([String], [String]) = ([], [])
                let bytes = Array(text.utf8)
                for start in stride(from: 0, to: bytes.count, by: size) {
                    for piece in reader.append(bytes[start..<min(bytes.count, start + size)]) {
                        #expect(!piece.arguments.unicodeScalars.contains("\u{FFFD}"))
                        if let name = piece.name {
                            #expect(piece.index == names.count)
                            names.append(name)
                            arguments.append("")
                        }
                        arguments[piece.index] += piece.arguments
                    }
                }
                #expect(names == ["weather", "weather_now"] && arguments[1] == "{}" && reader.finishedCount == 2 && !reader.hasFailed)
                #expect(try JSONParser().parse(arguments[0])["city"]?.string == (text == second ? "]}é\"" : "Köln"))
            }
        }
        var reader = CallReader(.generic, isTriggered: true)
        #expect(reader.append(Array("\n{\"nome\"".utf8)).isEmpty && reader.hasFailed)
    }

    @Test func whateverIsDrawnIsReadAsCalls() throws {
        var random = SplitMix64(seed: 5)
        for form in [CallForm.generic, Self.bracketed] {
            let acceptance = try Self.acceptance(form)
            for _ in 0..<12 {
                guard let text = acceptance.draw(&random) else { continue }
                var reader = CallReader(form, isTriggered: false)
                let pieces = reader.append(Array(text.utf8))
                #expect(reader.finishedCount > 0 && !reader.hasFailed && reader.finishedCount == reader.count, "\(text)")
                for call in 0..<reader.count {
                    let own = pieces.filter { $0.index == call }
                    let parsed = try JSONParser().parse(own.map(\.arguments).joined())
                    #expect((parsed["city"]?.string != nil) == (own.first?.name == "weather"))
                }
            }
        }
    }

    @Test func whatAToolsSchemaAsksBeyondIsNamedOrRefused() throws {
        let schema: JSONNode = ["type": "object", "properties": ["a": ["type": "string", "format": "color"]]]
        var ignored: [(tool: Int, path: String)] = []
        let loose = [Self.tools[0], CallableTool(name: "b", parameters: schema, isStrict: false)]
        _ = try Automaton(callsOf: loose, in: .generic, isTriggered: false, allowsSeveral: true, ignored: &ignored)
        #expect(ignored.map(\.tool) == [1] && ignored.map(\.path) == [".properties.a.format"])
        let strict = [Self.tools[0], CallableTool(name: "b", parameters: schema, isStrict: true)]
        #expect {
            try Automaton(callsOf: strict, in: .generic, isTriggered: false, allowsSeveral: true, ignored: &ignored)
        } throws: { ($0 as? ConstraintError)?.path == "[1].properties.a.format" }
    }

    @Test func aKeyThatIsThereTwiceIsSeen() {
        func repeats(_ text: String) -> Bool {
            var scanner = ObjectScanner()
            for byte in Array(text.utf8) { scanner.append(byte) }
            return scanner.hasRepeatedKey
        }
        #expect(repeats(#"{"a":1,"a":2}"#) && repeats(#"[{"b":{"c":"a","c":1}}]"#) && repeats(#"{"a":[{"x":1}],"a":"#))
        #expect(!repeats(#"{"a":{"a":"a"},"b":["a","a"],"c":"a"}"#) && !repeats(#"{"a\"":1,"a":2,"\"a":"\\"}"#))
    }
}
