import Foundation
import TestSupport
import Spool
import Testing

/// A program whose output nobody gets must not say that all went well.
@Suite struct OutputTests {
    private static let commands = [
        ["list"], ["list", "--json"], ["status"], ["events"], ["--help"], ["devices"], ["status", "nobody", "--json"],
    ]

    @Test(arguments: commands) func aFullDiskIsAnError(command: [String]) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "succeeded")
        let outcome = try Self.shell("exec \"$0\" \"$@\" >/dev/full", spool, command)
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.errors.contains("standard output: No space left on device"), "\(outcome)")
    }

    @Test(arguments: commands) func aReaderThatHasGoneIsAnError(command: [String]) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "succeeded")
        // The reader is gone before the program begins; then with the signal that ends it, and
        // without.
        for trap in ["", "trap '' PIPE; "] {
            let script = trap + "{ sleep 0.2; \"$0\" \"$@\"; echo $? >&3; } 3>&2 2>/dev/null | true"
            let outcome = try Self.shell(script, spool, command)
            let code = Int(outcome.errors.trimmingCharacters(in: .whitespacesAndNewlines))
            #expect(code != nil && code != 0, "\(trap) \(outcome)")
        }
    }

    @Test func aClosedStandardOutputIsAnErrorAndNoFileGetsItsNumber() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "succeeded")
        let outcome = try Self.shell("exec \"$0\" \"$@\" >&-", spool, ["list"])
        #expect(outcome.status == 1 && outcome.errors.contains("standard output"), "\(outcome)")
    }

    private static func shell(_ script: String, _ spool: CommandSpool, _ command: [String]) throws -> BuiltProgram.Outcome {
        let folder = NSTemporaryDirectory() + "tala-output-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func file(_ name: String) throws -> FileHandle {
            _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: nil)
            return try FileHandle(forUpdating: URL(fileURLWithPath: folder + "/" + name))
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let environment = ["TALA_SPOOL": spool.layout.root]
        process.arguments = ["-c", script, BuiltProgram.folder + "/tala"] + command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = try file("output")
        process.standardError = try file("errors")
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String { try String(contentsOfFile: folder + "/" + name, encoding: .utf8) }
        return BuiltProgram.Outcome(status: process.terminationStatus, output: try text("output"), errors: try text("errors"))
    }
}
