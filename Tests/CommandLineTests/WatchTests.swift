import Foundation
import JSON
import Spool
import TestSupport
import Testing

@testable import CommandLineTools

@Suite struct WatchTests {
    /// The lines that were drawn, one over the other.
    private static func drawn(_ text: String) -> [String] {
        text.components(separatedBy: "\r\u{1B}[K").map { $0.trimmingCharacters(in: .newlines) }.filter { !$0.isEmpty }
    }

    /// Reads until so many lines have been drawn; half a minute at most.
    private static func lines(_ terminal: PseudoTerminal, atLeast count: Int) -> [String] {
        var text = ""
        for _ in 0..<300 {
            text += terminal.read()
            if drawn(text).count >= count { break }
            usleep(100_000)
        }
        return drawn(text)
    }

    @Test(arguments: [8, 20, 40, 80, 200]) func aTerminalOfAnyWidthShowsOneLine(_ columns: Int) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        try spool.add(1, "running", step: 120, of: 900)
        let terminal = try PseudoTerminal(columns: columns)
        let watch = try terminal.start("tala", ["watch", "--spool", spool.layout.root])
        let lines = Self.lines(terminal, atLeast: 2)
        terminal.interrupt(watch)
        #expect(watch.terminationStatus == 130)
        #expect(lines.count >= 2)
        for line in lines.prefix(2) { #expect(DisplayWidth.of(line) < columns, "\(line)") }
        if columns >= 20 { #expect(lines.allSatisfy { $0.contains("120/900") }, "\(lines)") }
        withExtendedLifetime(daemon) {}
    }

    @Test func aTerminalThatIsMadeNarrowerShowsOneLineFromThenOn() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        try spool.add(1, "running", step: 120, of: 900)
        let terminal = try PseudoTerminal(columns: 120)
        let watch = try terminal.start("tala", ["watch", "--spool", spool.layout.root])
        #expect(Self.lines(terminal, atLeast: 2).contains { DisplayWidth.of($0) > 40 })
        terminal.resize(30)
        kill(watch.processIdentifier, SIGWINCH)
        // What was drawn before the change is thrown away.
        _ = Self.lines(terminal, atLeast: 1)
        let lines = Self.lines(terminal, atLeast: 2)
        terminal.interrupt(watch)
        for line in lines.prefix(2) { #expect(DisplayWidth.of(line) < 30, "\(line)") }
        withExtendedLifetime(daemon) {}
    }

    @Test func aFileNameInWideCharactersIsCutToTheTerminal() {
        for columns in 1...30 {
            let text = DisplayWidth.fitting("reading 訓練データ.jsonl", columns)
            #expect(DisplayWidth.of(text) <= columns)
        }
        #expect(DisplayWidth.of("訓練") == 4)
        #expect(DisplayWidth.of("e\u{301}") == 1)
    }

    @Test func watchingAJobWhoseDaemonIsDeadSaysSoAndEnds() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "running", step: 120, of: 900)
        let outcome = try spool.tala(["watch", "--patience", "1"])
        #expect(outcome.status == 75)
        #expect(outcome.errors.contains("120/900") && outcome.errors.contains("no daemon works on \(spool.layout.root)"), "\(outcome)")
        let printed = try spool.tala(["watch", "--patience", "0", "--json"])
        #expect(printed.status == 75)
        #expect(try JSONParser().parse(printed.output)["error"]?["code"]?.string == "no_daemon")
    }

    @Test func watchingGoesOnAsLongAsThereIsADaemon() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        try spool.add(1, "running", step: 120, of: 900)
        let terminal = try PseudoTerminal(columns: 60)
        let watch = try terminal.start("tala", ["watch", "--spool", spool.layout.root, "--patience", "0"])
        #expect(Self.lines(terminal, atLeast: 4).count >= 4 && watch.isRunning)
        terminal.interrupt(watch)
        #expect(watch.terminationStatus == 130)
        withExtendedLifetime(daemon) {}
    }

    @Test(arguments: [("succeeded", 0), ("failed", 1), ("cancelled", 3), ("paused", 4)])
    func watchingEndsWithTheCodeOfWhatTheJobCameTo(state: String, code: Int) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, state, step: 9, of: 9)
        for command in ["watch", "status"] {
            let outcome = try spool.tala([command])
            #expect(Int(outcome.status) == code, "\(command): \(outcome)")
        }
    }
}
