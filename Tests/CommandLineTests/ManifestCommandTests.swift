import JSON
import TestSupport
import Testing

/// `tala manifest`: the keys of a manifest, in the terminal.
@Suite struct ManifestCommandTests {
    private static func run(_ arguments: [String]) throws -> BuiltProgram.Outcome {
        try BuiltProgram(name: "tala").run(["manifest"] + arguments)
    }

    @Test func allKeysAreListedWithValuesDefaultAndSentence() throws {
        let text = try Self.run([]).output
        for key in ["model\n", "max_length\n", "method.<type>.hyperparameters.n_epochs\n", "adapter.rank\n", "optimizer.beta1\n"] {
            #expect(text.contains(key), "\(key)")
        }
        #expect(text.contains("2 to 16777216; default 2048"))
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test func aKeyOrASectionIsShownAlone() throws {
        #expect(try Self.run(["max_length"]).output.hasPrefix("max_length\n"))
        let section = try Self.run(["schedule"]).output
        #expect(section.contains("schedule.warmup_steps") && !section.contains("max_length"))
        let wrong = try Self.run(["maximum_length"])
        #expect(wrong.status == 2 && wrong.errors.contains("no key \"maximum_length\""))
    }

    @Test func theSchemaAndTheListAreJSON() throws {
        let schema = try JSONParser().parse(Array(Self.run(["--schema"]).output.utf8))
        #expect(schema["properties"]?["max_length"]?["maximum"]?.integer == 16_777_216)
        let list = try JSONParser().parse(Array(Self.run(["--json", "adapter"]).output.utf8))
        #expect(list["data"]?.array?.contains { $0["key"]?.string == "adapter.rank" && $0["default"]?.string == "16" } == true)
    }
}
