import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import CommandLineTools

/// `--json`: every command knows it, and prints one object whatever happens.
@Suite struct JSONOutputTests {
    /// All that a command printed, which must be one object and nothing else.
    private static func object(_ outcome: BuiltProgram.Outcome, _ note: String) throws -> JSONNode {
        let node = try #require(try? JSONParser().parse(Array(outcome.output.utf8)), "\(note): not one JSON value: \(outcome)")
        #expect(node.object != nil, "\(note): \(outcome.output)")
        return node
    }

    @Test func everyCommandPrintsAnErrorAsOneObject() throws {
        let leaves = try ProgramDescription.of("tala").commands
        #expect(leaves.count > 20)
        for (path, command) in leaves {
            #expect(command.arguments?.contains { $0.preferredName?.name == "json" } == true, "\(path) does not know --json")
            let outcome = try BuiltProgram(name: "tala").run(path.split(separator: " ").map(String.init) + ["--json", "--no-such-option"])
            #expect(outcome.status == 2, "\(path)")
            #expect(outcome.errors.isEmpty, "\(path): \(outcome.errors)")
            let error = try Self.object(outcome, path)["error"]
            #expect(error?["code"]?.string == "usage", "\(path): \(outcome.output)")
            #expect(error?["message"]?.string?.isEmpty == false, "\(path): \(outcome.output)")
        }
    }

    @Test func anErrorSaysItsCodeAndAMessageAndEndsWithTheExitCodeOfTheManual() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try spool.add(1, "succeeded")
        let cases: [([String], String, Int32)] = [
            (["status", "nobody"], "not_found", 2), (["events", "nobody"], "not_found", 2), (["watch", "nobody"], "not_found", 2),
            (["cancel", "nobody"], "not_found", 2), (["cancel", "01"], "wrong_state", 1), (["resume", "01"], "wrong_state", 1),
            (["delete", "01"], "no_daemon", 75), (["submit", "/no/such/manifest.yaml"], "not_found", 2),
        ]
        for (arguments, code, status) in cases {
            let outcome = try spool.tala(arguments + ["--json"])
            let error = try Self.object(outcome, "\(arguments)")["error"]
            #expect(error?["code"]?.string == code, "\(arguments): \(outcome)")
            #expect(error?["message"]?.string?.isEmpty == false)
            #expect(outcome.status == status, "\(arguments): \(outcome)")
            #expect(outcome.errors.isEmpty, "\(arguments): \(outcome)")
            // The same without --json: a sentence on standard error, no usage text, nothing on
            // standard output.
            let plain = try spool.tala(arguments)
            #expect(plain.status == status)
            #expect(plain.output.isEmpty && !plain.errors.contains("sage:"), "\(arguments): \(plain)")
        }
    }

    @Test func whatIsPrintedIsDescribed() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let daemon = try spool.daemon()
        try spool.add(1, "succeeded", step: 3, of: 3)
        try spool.add(2, "running", step: 3, of: 9)
        let document = try String(contentsOf: ManualTests.root.appendingPathComponent("docs/json-output.md"), encoding: .utf8)
        for arguments in [["list"], ["status"], ["events"], ["watch", "01"], ["pause", "02"], ["logs"], ["plot"]] {
            let outcome = try spool.tala(arguments + ["--json"])
            #expect(outcome.status == 0, "\(arguments): \(outcome)")
            for member in try Self.object(outcome, "\(arguments)").object ?? [] where member.key != "tala" {
                #expect(
                    document.contains("`\(member.key)`") || JSONOutputTests.jobKeys.contains(member.key),
                    "docs/json-output.md does not say what \(member.key) of \(arguments) is")
            }
        }
        for code in CommandFailure.Code.allCases {
            #expect(document.contains("`\(code.rawValue)`"), "docs/json-output.md does not name \(code.rawValue)")
        }
        withExtendedLifetime(daemon) {}
    }

    /// Members of the API's job object, which its own documents describe.
    static let jobKeys: Set<String> = [
        "id", "object", "created_at", "finished_at", "estimated_finish", "model", "fine_tuned_model", "organization_id", "status",
        "hyperparameters", "method", "training_file", "validation_file", "result_files", "trained_tokens", "seed",
        "user_provided_suffix", "metadata", "integrations", "error",
    ]
}
