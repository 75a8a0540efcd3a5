import Foundation
import Jobs
import TestSupport
import Testing

/// Exit codes and the words of events are written once, in Jobs: programs, manual pages and
/// documents say the same. `TALA_RECORD=1 swift test --filter ExitCodeTests` writes the pages anew.
@Suite struct ExitCodeTests {
    static let begin = ".\\\" The exit codes are written by ExitCodeTests, from the lists in Sources/Jobs/ExitCodes.swift.\n"
    static let end = ".\\\" Here end the exit codes.\n"

    static func manual<Exit: ProgramExit>(_: Exit.Type) -> String {
        Exit.allCases.map { ".TP\n.B \($0.rawValue)\n\($0.meaning)\n" }.joined()
    }

    @Test(arguments: [("tala.1", manual(CommandExit.self)), ("talad.8", manual(DaemonExit.self))])
    func theManualPageListsTheExitCodesThatTheProgramHas(page: String, expected: String) throws {
        let file = ManualTests.root.appendingPathComponent("docs/man/\(page)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: Self.begin), "\(page) has no mark where its exit codes begin")
        let stop = try #require(text.range(of: Self.end), "\(page) has no mark where its exit codes end")
        if ProcessInfo.processInfo.environment["TALA_RECORD"] != nil {
            try Data((String(text[..<start.upperBound]) + expected + String(text[stop.lowerBound...])).utf8).write(to: file)
            return
        }
        #expect(text[start.upperBound..<stop.lowerBound] == expected, "TALA_RECORD=1 swift test --filter ExitCodeTests writes it anew")
    }

    @Test(arguments: [
        ("talad", DaemonExit.sentence()), ("tala", CommandExit.sentence()),
    ])
    func theProgramsHelpListsThem(program: String, sentence: String) throws {
        let help = try BuiltProgram(name: program).run(["--help"], environment: ["COLUMNS": "10000"]).output
        func words(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        #expect(words(help).contains(words(sentence)), "\(help)")
    }

    /// Every word that a program may read in events and statuses is explained, and nothing else is.
    @Test func theDocumentExplainsEveryCode() throws {
        let text = try String(contentsOf: ManualTests.root.appendingPathComponent("docs/codes.md"), encoding: .utf8)
        func codes(_ heading: String) throws -> [String] {
            let section = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix(heading) }, "no section \(heading)")
            return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { String($0.dropFirst(3).prefix { $0 != "`" }) }
        }
        #expect(try codes("Events") == EventCode.allCases.map(\.rawValue))
        #expect(try codes("Failures") == FailureCode.allCases.map(\.rawValue))
        #expect(try codes("Reasons") == StateReason.allCases.map(\.rawValue))
        for (heading, exits) in [
            ("Exit codes of tala-worker", WorkerExit.allCases.map(\.rawValue)),
            ("Exit codes of talad", DaemonExit.allCases.map(\.rawValue)),
            ("Exit codes of tala\n", CommandExit.allCases.map(\.rawValue)),
        ] {
            #expect(try codes(heading) == exits.map { "\($0)" }, "\(heading)")
        }
    }
}
