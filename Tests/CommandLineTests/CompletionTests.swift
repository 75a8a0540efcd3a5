import Spool
import Storage
import TestSupport
import Testing

/// The shell's completion: scripts for three shells, and what the program itself proposes.
@Suite struct CompletionTests {
    @Test(arguments: ["bash", "zsh", "fish"]) func aShellGetsAScript(shell: String) throws {
        for program in ["tala", "talad"] {
            let outcome = try BuiltProgram(name: program).run(["--generate-completion-script", shell])
            #expect(outcome.status == 0 && outcome.output.contains(program), "\(outcome.errors)")
        }
    }

    /// What the program answers when a shell asks for the value of a command's argument.
    private static func proposals(_ spool: CommandSpool, _ command: String, _ argument: String) throws -> [String] {
        let words = ["tala", command, "--spool", spool.layout.root, ""]
        let outcome = try BuiltProgram(name: "tala").run(
            ["---completion", command, "--", argument, "4", "0"] + words, environment: ["SAP_SHELL": "bash", "SAP_SHELL_VERSION": "5"])
        return outcome.output.split(separator: "\n").map(String.init)
    }

    @Test func jobsAreProposedWhereTheCommandHasAMeaningForThem() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let done = try spool.add(1, "succeeded")
        let running = try spool.add(2, "running")
        let paused = try spool.add(3, "paused")
        #expect(try Self.proposals(spool, "status", "positional@0") == [paused, running, done])
        #expect(try Self.proposals(spool, "cancel", "positional@0") == [paused, running])
        #expect(try Self.proposals(spool, "resume", "positional@0") == [paused])
        #expect(try Self.proposals(spool, "delete", "positional@0") == [done])
    }
}
