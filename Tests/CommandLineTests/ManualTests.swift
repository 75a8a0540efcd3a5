import Foundation
import Testing

/// The manual pages say what the programs take: the part between two marks is what the programs say of themselves.
/// `TALA_RECORD=1 swift test --filter ManualTests` writes it anew.
@Suite struct ManualTests {
    static let begin = ".\\\" What follows is written by ManualTests, from what the program says of itself.\n"
    static let end = ".\\\" Here ends what is written by ManualTests.\n"
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test(arguments: [("tala", "tala.1"), ("talad", "talad.8")])
    func theManualPageListsWhatTheProgramTakes(program: String, page: String) throws {
        let file = Self.root.appendingPathComponent("docs/man/\(page)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: Self.begin), "\(page) has no mark where its generated part begins")
        let stop = try #require(text.range(of: Self.end), "\(page) has no mark where its generated part ends")
        let expected = try ProgramDescription.of(program).manual()
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
}
