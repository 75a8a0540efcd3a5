import Foundation
import TestSupport
import Testing

/// The manual pages say what the programs take: the part between two marks is what the programs say
/// of themselves. `TALA_RECORD=1 swift test --filter ManualTests` writes it anew.
@Suite struct ManualTests {
    static let begin = ".\\\" What follows is written by ManualTests, from what the program says of itself.\n"
    static let end = ".\\\" Here ends what is written by ManualTests.\n"
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test(arguments: [
        ("tala", "tala.1"), ("talad", "talad.8"), ("tala-worker", "tala-worker.8"), ("tala-engine", "tala-engine.8"),
        ("tala-rank", "tala-rank.8"),
    ])
    func theManualPageListsWhatTheProgramTakes(program: String, page: String) throws {
        guard BuiltProgram(name: program).isBuilt else { return print("skipped: \(program) has not been built, Open MPI is not there") }
        let file = Self.root.appendingPathComponent("docs/man/\(page)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: Self.begin), "\(page) has no mark where its generated part begins")
        let stop = try #require(text.range(of: Self.end), "\(page) has no mark where its generated part ends")
        let expected = try ProgramDescription.of(program).manual(hasPages: program == "tala")
        if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil {
            let written = String(text[..<start.upperBound]) + expected + String(text[stop.lowerBound...])
            try Data(written.utf8).write(to: file)
            return
        }
        let present = String(text[start.upperBound..<stop.lowerBound])
        #expect(
            present == expected,
            "docs/man/\(page) is behind the program: TALA_RECORD=1 swift test --filter ManualTests writes it anew")
    }

    /// Each command has a page of its own, `tala-submit.1`, written whole.
    @Test func everyCommandHasAPage() throws {
        let description = try ProgramDescription.of("tala")
        let folder = Self.root.appendingPathComponent("docs/man")
        var pages: Set<String> = ["tala.1"]
        for (path, leaf) in description.commands {
            let page = "tala-" + path.replacingOccurrences(of: " ", with: "-") + ".1"
            pages.insert(page)
            let (file, expected) = (folder.appendingPathComponent(page), description.page(of: path, leaf))
            if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil { try Data(expected.utf8).write(to: file) }
            let present = try? String(contentsOf: file, encoding: .utf8)
            #expect(present == expected, "docs/man/\(page): TALA_RECORD=1 swift test --filter ManualTests writes it anew")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".1") {
            #expect(pages.contains(name), "docs/man/\(name) is the page of no command")
        }
    }
}
