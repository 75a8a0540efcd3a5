import Foundation
import TestSupport
import Testing

@Suite struct UsageTests {
    @Test(arguments: [
        ("tala", ["no-such-command"]), ("tala", ["submit"]), ("tala", ["validate", "--no-such-option", "x"]),
        ("talad", ["--no-such-option"]), ("talad", ["--device", "cuda"]), ("talad", ["--device", "cpu", "--device", "vulkan:"]),
    ])
    func wrongUsageEndsWithTwoAndSaysHow(program: String, arguments: [String]) throws {
        let outcome = try BuiltProgram(name: program).run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("Usage:") || outcome.errors.contains("USAGE:"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: ["tala", "talad"])
    func helpAndVersionGoToStandardOutput(program: String) throws {
        for arguments in [["--help"], ["--version"]] {
            let outcome = try BuiltProgram(name: program).run(arguments)
            #expect(outcome.status == 0)
            #expect(!outcome.output.isEmpty)
            #expect(outcome.errors.isEmpty)
        }
    }

    @Test func aCommandWithoutADaemonsSpoolSaysWhichFolderItLookedAt() throws {
        let folder = NSTemporaryDirectory() + "tala-no-spool-\(UUID().uuidString)"
        let outcome = try BuiltProgram(name: "tala").run(["status", "ftjob-01", "--spool", folder])
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains(folder))
    }
}
