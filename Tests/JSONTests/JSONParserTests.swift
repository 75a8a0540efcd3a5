import JSON
import Testing

@Suite struct JSONParserTests {
    let parser = JSONParser()

    @Test func membersKeepTheirOrderAndTheirPlaces() throws {
        let text = "{\n  \"b\": 1,\n  \"a\": [true, null, 2.5]\n}"
        let node = try parser.parse(text)
        #expect(node.object?.map(\.key) == ["b", "a"])
        #expect(node["a"]?.array?.map(\.value) == [.bool(true), .null, .double(2.5)])
        let place = JSONPosition(of: try #require(node["a"]).offset, in: Array(text.utf8))
        #expect(place == JSONPosition(line: 3, column: 8))
    }

    @Test func escapesAndSurrogatePairsAreDecoded() throws {
        #expect(try parser.parse(#""a\n\u00e9\ud83d\ude00\/""#).string == "a\né😀/")
    }

    @Test(arguments: [
        ("", JSONError.Reason.unexpectedEnd), ("[1,]", .unexpectedCharacter(UInt8(ascii: "]"), expected: "a value")),
        (#"{"a":1,"a":2}"#, .duplicateKey("a")), (#""\ud800""#, .loneSurrogate), ("1e999", .numberOutOfRange), ("01", .invalidNumber),
        ("NaN", .unexpectedCharacter(UInt8(ascii: "N"), expected: "a value")), ("1 2", .trailingContent),
        ("\"a\nb\"", .controlCharacterInString),
    ])
    func whatIsNotJSONIsRefusedWithItsReason(text: String, reason: JSONError.Reason) {
        #expect { try parser.parse(text) } throws: { ($0 as? JSONError)?.reason == reason }
    }

    @Test func nestingBeyondTheLimitIsRefusedBeforeTheStackIsFull() {
        let text = String(repeating: "[", count: 100_000)
        #expect { try parser.parse(text) } throws: { ($0 as? JSONError)?.reason == .tooDeep(limit: 64) }
    }

    @Test func invalidUTF8IsRefused() {
        #expect { try parser.parse([0x22, 0xFF, 0x22]) } throws: { ($0 as? JSONError)?.reason == .invalidUTF8 }
    }

    @Test func whatIsWrittenIsReadBackTheSame() throws {
        let node: JSONNode = ["text": "tab\t \"quoted\" \u{1}", "list": [1, 2.5, -3e100, nil, true], "empty": []]
        for writer in [JSONWriter(), JSONWriter(isIndented: true)] {
            let again = try parser.parse(writer.bytes(node))
            #expect(again["text"]?.string == "tab\t \"quoted\" \u{1}")
            #expect(again["list"]?.array?.map(\.value) == [.integer(1), .double(2.5), .double(-3e100), .null, .bool(true)])
        }
    }

    @Test func aPathNamesKeysAsTheyAreMeant() {
        let text = Array(#"{"a": [1, {"\u0062": 2, "b": 3}]}"#.utf8)
        #expect(JSONPath.path(of: 24, in: text) == "a[1].b" && JSONPath.path(of: 11, in: text) == "a[1].b")
    }
}
