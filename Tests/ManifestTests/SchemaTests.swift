import Foundation
import JSON
import Manifest
import Testing

/// The schema that editors use and the reader that judges are made from one list of keys: they must
/// say the same.
@Suite struct SchemaTests {
    private static func verdict(_ node: JSONNode) -> (isTaken: Bool, why: String) {
        do {
            _ = try Manifest(ManifestText(JSONWriter().bytes(node), isYAML: false))
            return (true, "")
        } catch { return (false, "\(error)") }
    }

    @Test func readerAndSchemaJudgeRandomManifestsAlike() throws {
        var generator = ManifestGenerator(seed: 20)
        let (checker, schema) = (SchemaChecker(), ManifestSchema.json)
        var taken = 0
        for _ in 0..<2500 {
            let manifest = try generator.manifest()
            let (isTaken, why) = Self.verdict(manifest)
            let isValid = try checker.accepts(manifest, schema)
            #expect(isTaken == isValid, "the schema says \(isValid), the reader \(why): \(JSONWriter().string(manifest))")
            if isTaken { taken += 1 }
        }
        #expect(taken > 200 && taken < 2300, "\(taken) of 2500 manifests were valid: too few of one kind to show anything")
    }

    @Test func whatIsReadIsWrittenSoThatItReadsTheSame() throws {
        var generator = ManifestGenerator(seed: 21)
        for _ in 0..<1000 {
            guard let first = try? Manifest(ManifestText(JSONWriter().bytes(generator.manifest()), isYAML: false)) else { continue }
            let again = try Manifest(ManifestText(JSONWriter().bytes(first.json), isYAML: false))
            #expect(again == first && again.json == first.json, "\(JSONWriter().string(first.json))")
            #expect(try SchemaChecker().accepts(first.json, ManifestSchema.json), "\(JSONWriter().string(first.json))")
        }
    }

    @Test func everyPropertyOfTheSchemaHasADescription() {
        var count = 0
        func walk(_ node: JSONNode, _ path: String) {
            for member in node["properties"]?.object ?? [] where !path.hasSuffix("/rule") {
                count += 1
                let sentence = member.node["description"]?.string ?? ""
                #expect(!sentence.isEmpty, "\(path).\(member.key) has no description")
                walk(member.node, path + "." + member.key)
            }
            for kind in node["anyOf"]?.array ?? [] { walk(kind, path) }
        }
        walk(ManifestSchema.json, "")
        #expect(count > 50)
    }
}

/// `docs/manifest.schema.json` and the tables of `docs/manifest.md` are made from the keys:
/// `TALA_RECORD=1 swift test --filter WrittenKeysTests`.
@Suite struct WrittenKeysTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func compare(_ file: String, _ expected: (String) -> String) throws {
        let url = Self.root.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        let wanted = expected(text)
        if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil { try wanted.write(to: url, atomically: true, encoding: .utf8) }
        #expect(
            try String(contentsOf: url, encoding: .utf8) == wanted,
            "\(file) is not what the keys say: TALA_RECORD=1 swift test --filter WrittenKeysTests writes it anew")
    }

    @Test func theSchemaIsMadeFromTheKeys() throws { try compare("docs/manifest.schema.json") { _ in ManifestSchema.text } }

    @Test func theTablesOfTheManualAreMadeFromTheKeys() throws {
        try compare("docs/manifest.md") { text in
            guard let begin = text.range(of: "<!-- keys -->\n"), let end = text.range(of: "<!-- end of keys -->") else { return "no marks" }
            return text[..<begin.upperBound] + "\n" + KeyTable.markdown + "\n" + text[end.lowerBound...]
        }
    }
}
