import Basics
import Constraints
import JSON
import Testing

@Suite struct SchemaTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var schema: String
        var taken: [String]
        var refused: [String]
        var testDescription: String { schema }
    }
    static let cases = [
        Case(
            schema: "{}", taken: ["1", "null", #""a""#, "[]", "{}", #"{"a": [1, {"b":2}]}"#], refused: ["", "a", "[", "[1,]", "01", " 1"]),
        Case(schema: #"{"type": "null"}"#, taken: ["null"], refused: ["nul", "nulll", "0"]),
        Case(schema: #"{"type": ["boolean", "null"]}"#, taken: ["true", "false", "null"], refused: ["0", #""true""#]),
        Case(
            schema: #"{"type": "integer"}"#, taken: ["0", "-1", "120", "999999999999999999"],
            refused: ["1.0", "01", "-", "1e3", "1000000000000000000"]),
        Case(
            schema: #"{"type": "number"}"#, taken: ["0", "-0.5", "1e-9", "12.25E".lowercased() + "10"],
            refused: [".5", "1.", "1e", "1e999", "+1", "00"]),
        Case(
            schema: #"{"type": "integer", "minimum": -12, "maximum": 105}"#, taken: ["-12", "-1", "0", "9", "99", "100", "105"],
            refused: ["-13", "106", "-0", "-20", "1000"]),
        Case(schema: #"{"type": "integer", "exclusiveMinimum": 0, "maximum": 7.5}"#, taken: ["1", "7"], refused: ["0", "8", "-1"]),
        Case(schema: #"{"type": "integer", "maximum": -3}"#, taken: ["-3", "-10", "-400"], refused: ["-2", "0", "3"]),
        Case(
            schema: #"{"minimum": 0.25, "exclusiveMaximum": 1.5, "type": "number"}"#, taken: ["0.25", "0.3", "1", "1.0", "1.49", "0.2500"],
            refused: ["0.2", "0.249", "1.5", "1.50", "1.51", "2", "0", "-1"]),
        Case(
            schema: #"{"type": "number", "exclusiveMinimum": -1, "maximum": 0}"#, taken: ["0", "-0.5", "-0.999"],
            refused: ["-1", "-1.0", "0.1", "-2"]),
        Case(
            schema: #"{"type": "number", "minimum": 100}"#, taken: ["100", "101.5", "1000", "999999999999999"],
            refused: ["99.9", "9", "-100"]),
        Case(
            schema: #"{"type": "string"}"#, taken: [#""""#, #""a\"b\\""#, #""é𝄞""#, #""\n\u0001""#],
            refused: [#"""#, "\"\n\"", #""\x""#, #""\ud800""#, #""\u0061""#]),
        Case(
            schema: #"{"type": "string", "minLength": 2, "maxLength": 3}"#, taken: [#""ab""#, #""é𝄞\n""#],
            refused: [#""a""#, #""abcd""#, #""""#]),
        Case(schema: #"{"type": "string", "minLength": 2}"#, taken: [#""ab""#, #""abcdef""#], refused: [#""a""#]),
        Case(
            schema: #"{"type": "string", "pattern": "^[a-c]{2,3}(x|yz)?$"}"#, taken: [#""ab""#, #""abcx""#, #""aayz""#],
            refused: [#""a""#, #""abcd""#, #""abxy""#]),
        Case(schema: #"{"type": "string", "pattern": "\\d+"}"#, taken: [#""1""#, #""a1b""#, #""\"7""#], refused: [#""""#, #""ab""#]),
        Case(schema: #"{"type": "string", "pattern": "^a|b$"}"#, taken: [#""ax""#, #""xb""#], refused: [#""xa""#, #""bx""#]),
        Case(
            schema: #"{"type": "string", "pattern": "^[^a-z\"]\\.\\w$"}"#, taken: [#""A.x""#, #""é.9""#, #""\\._""#],
            refused: [#""a.x""#, #""\".x""#, #""A-x""#]),
        Case(
            schema: #"{"type": "string", "pattern": "^(ab)*$", "minLength": 3, "maxLength": 5}"#, taken: [#""abab""#],
            refused: [#""ab""#, #""ababab""#, #""aba""#, #""""#]),
        Case(
            schema: #"{"type": "string", "pattern": "^[a-zé]+\\d?$", "maxLength": 4}"#, taken: [#""a""#, #""abcé""#, #""abc1""#],
            refused: [#""""#, #""abcde""#, #""abcd1""#]),
        Case(
            schema: #"{"type": "string", "pattern": "x", "minLength": 3}"#, taken: [#""axb""#, #""xxxxxx""#],
            refused: [#""ax""#, #""abc""#]),
        Case(
            schema: #"{"type": "string", "format": "date"}"#, taken: [#""2024-02-28""#, #""1999-12-31""#],
            refused: [#""2024-13-01""#, #""2023-02-30""#, #""24-01-01""#]),
        Case(
            schema: #"{"type": "string", "format": "date-time"}"#, taken: [#""2024-02-28T23:59:59Z""#, #""2024-02-28T00:00:00.25+01:00""#],
            refused: [#""2024-02-28""#, #""2024-02-28T24:00:00Z""#]),
        Case(schema: #"{"format": "uuid"}"#, taken: [#""123e4567-e89b-12d3-a456-426614174000""#], refused: [#""123e4567""#]),
        Case(schema: #"{"format": "email", "type": "string"}"#, taken: [#""a.b@example.org""#], refused: [#""a@b""#, #""@example.org""#]),
        Case(schema: #"{"enum": ["red", "reddish", 5, null]}"#, taken: [#""red""#, #""reddish""#, "5", "null"], refused: [#""re""#, "6"]),
        Case(schema: #"{"type": "string", "enum": ["a", 5]}"#, taken: [#""a""#], refused: ["5"]),
        Case(schema: #"{"const": {"a": [1]}}"#, taken: [#"{"a":[1]}"#], refused: ["{}"]),
        Case(
            schema: #"{"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}"#,
            taken: ["[1]", "[1,2]", "[1, 2, 3]"], refused: ["[]", "[1,2,3,4]", "[1,]", "[1,  2]", "[null]"]),
        Case(
            schema: #"{"type": "array", "prefixItems": [{"type": "null"}, {"type": "integer"}], "items": false}"#,
            taken: ["[]", "[null]", "[null,1]"], refused: ["[1]", "[null,1,1]"]),
        Case(
            schema: #"{"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 2}"#,
            taken: ["[null,1]", "[null,1,2,3]"], refused: ["[null]", "[]", "[1,1]"]),
        Case(schema: #"{"type": "array", "items": {"type": "null"}, "maxItems": 0}"#, taken: ["[]"], refused: ["[null]"]),
        Case(
            schema: #"{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}, "required": ["a"]}"#,
            taken: [#"{"a":1}"#, #"{"a": 1, "b": null}"#],
            refused: ["{}", #"{"b":null}"#, #"{"b":null,"a":1}"#, #"{"a":1,"c":1}"#, #"{"a":1,}"#]),
        Case(
            schema: #"{"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}, "required": []}"#,
            taken: ["{}", #"{"b":1}"#, #"{"a":1,"c":2}"#, #"{"c":2}"#], refused: [#"{,"b":1}"#, #"{"c":1,"a":2}"#]),
        Case(
            schema:
                #"{"type": "object", "properties": {"ab": {"type": "null"}, "é": {"type": "null"}}, "additionalProperties": {"type": "integer"}}"#,
            taken: ["{}", #"{"ab":null,"a":1,"abc":2,"x\"":3}"#, #"{"è":1}"#, #"{"é":null,"éa":5}"#],
            refused: [#"{"ab":1}"#, #"{"é":1}"#, #"{"z":null}"#]),
        Case(
            schema: #"{"type": "object", "required": ["k"], "additionalProperties": {"type": "integer"}}"#,
            taken: [#"{"k":1}"#, #"{"k":1,"l":2}"#], refused: ["{}", #"{"l":2}"#]),
        Case(schema: #"{"type": "object", "properties": {}}"#, taken: ["{}"], refused: [#"{"a":1}"#]),
        Case(
            schema:
                ##"{"$defs": {"n": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/n"}"##,
            taken: [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":null}}"#], refused: [#"{"v":1}"#]),
        Case(schema: ##"{"type": "array", "items": {"$ref": "#"}}"##, taken: ["[]", "[[],[[]]]"], refused: ["[1]"]),
        Case(
            schema:
                #"{"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]}, {"type": "object", "properties": {"k": {"const": "b"}, "n": {"type": "integer"}}, "required": ["k", "n"]}]}"#,
            taken: [#"{"k":"a"}"#, #"{"k":"b","n":1}"#], refused: [#"{"k":"a","n":1}"#, #"{"k":"b"}"#]),
        Case(schema: #"{"allOf": [{"type": "integer"}], "description": "d"}"#, taken: ["1"], refused: ["null"]),
    ]

    @Test(arguments: cases) func aSchemaTakesWhatItSays(_ one: Case) throws {
        let acceptance = try Acceptance(one.schema)
        for text in one.taken { #expect(acceptance.takes(text), "\(text)") }
        for text in one.refused { #expect(!acceptance.takes(text), "\(text)") }
    }

    /// The texts are read again, and taken again: whatever is drawn ends, and nothing gets stuck.
    @Test(arguments: cases) func whateverIsDrawnByteByByteIsAValue(_ one: Case) throws {
        var random = SplitMix64(seed: 7)
        let acceptance = try Acceptance(one.schema)
        for _ in 0..<8 {
            guard let text = acceptance.draw(&random) else { continue }
            #expect(acceptance.takes(text), "\(text)")
            // A key that stands there twice is the sampler's to refuse.
            do throws(JSONError) { _ = try JSONParser().parse(text) } catch {
                if case .duplicateKey = error.reason { continue }
                Issue.record("\(text): \(error)")
            }
        }
    }

    static let refusals: [(String, String)] = [
        (#"{"type": "strin"}"#, ".type"), (#"{"not": {}}"#, ".not"),
        (#"{"properties": {"a": {"patternProperties": {}}}}"#, ".properties.a.patternProperties"),
        (#"{"type": "string", "format": "color"}"#, ".format"), (#"{"type": "string", "pattern": "("}"#, ".pattern"),
        (#"{"type": "string", "pattern": "(?=a)"}"#, ".pattern"), (#"{"type": "string", "pattern": "\\1"}"#, ".pattern"),
        (#"{"type": "string", "pattern": "^(ab)*$", "minLength": 3, "maxLength": 3}"#, ""), (#"{"items": 5}"#, ".items"),
        (##"{"$ref": "#/nowhere"}"##, ".$ref"), (#"{"$ref": "http://x/y"}"#, ".$ref"), (##"{"$ref": "#"}"##, ""),
        (##"{"anyOf": [{"$ref": "#"}, {"type": "null"}]}"##, ""),
        (##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##, ""),
        (#"{"oneOf": [{"type": "integer"}, {"type": "number"}]}"#, ".oneOf"), (#"{"enum": []}"#, ".enum"),
        (#"{"type": "integer", "minimum": 5, "maximum": 4}"#, ""), (#"{"type": "integer", "minimum": 0.1, "maximum": 0.9}"#, ""),
        (#"{"type": "string", "pattern": "a{1,100000}"}"#, ".pattern"),
        (#"{"type": "string", "pattern": "((a{1,100}){1,100}){1,100}"}"#, ""),
        (#"{"type": "array", "minItems": 100000}"#, ""), (#"{"multipleOf": 3, "type": "integer"}"#, ".multipleOf"), ("5", ""),
        ("false", ""),
        (#"{"required": ["a"], "properties": {}}"#, ".required"), (#"{"anyOf": [{"type": "null"}], "minimum": 3}"#, ".minimum"),
    ]

    @Test(arguments: refusals) func whatCannotBeKeptToIsRefusedWithItsPlace(_ schema: String, _ path: String) throws {
        let node = try JSONParser().parse(schema)
        #expect { try Automaton(schema: node) } throws: { ($0 as? ConstraintError)?.path == path }
    }

    @Test func schemasThatAreTooLargeAreRefusedAndTakeNoTime() throws {
        let many = "[" + (0..<20_000).map { #"{"type": "string", "minLength": \#($0)}"# }.joined(separator: ",") + "]"
        let deep = String(repeating: #"{"items": "#, count: 60) + "{}" + String(repeating: "}", count: 60)
        let wide =
            #"{"properties": {"#
            + (0..<3_000).map { #""p\#($0)": {"type": "object", "additionalProperties": true}"# }.joined(separator: ",") + "}}"
        let doubling =
            "{" + #""$defs": {"#
            + (0..<40).map { ##""d\##($0)": {"items": {"anyOf": [{"$ref": "#/$defs/d\##($0 + 1)"}, {"$ref": "#/$defs/d\##($0 + 1)"}]}}"## }
            .joined(separator: ",") + ##", "d40": {}}, "$ref": "#/$defs/d0"}"##
        for schema in [#"{"anyOf": \#(many)}"#, deep, wide] {
            let node = try JSONParser(depthLimit: 200).parse(schema)
            #expect(throws: ConstraintError.self) { try Automaton(schema: node) }
        }
        // Alternatives that are alike double what may be meant at every level; it stays bounded.
        let acceptance = try Acceptance(doubling)
        var state = acceptance.recognizer.start
        for _ in 0..<45 { state = acceptance.recognizer.next(state, UInt8(ascii: "[")) }
        #expect(acceptance.recognizer.stateCount < 500)
    }
}
