import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import TestSupport
import Testing

@testable import CommandLineTools

@Suite struct InitializeTests {
    /// Every manifest that the command can write, with names that YAML could misread.
    @Test(arguments: ManifestTemplate.Task.allCases, [false, true])
    func everyManifestToBeginWithIsRead(task: ManifestTemplate.Task, full: Bool) throws {
        for name in ["model", "true", "12", "a b: c", "quo\"te\\", "-x", "größe", "1e5", "~"] {
            let text = ManifestTemplate(model: name, data: name + ".jsonl", task: task, trainsAllWeights: full || task == .text).text
            let manifest = try Manifest(ManifestText(Array(text.utf8), isYAML: true))
            #expect(manifest.model == name, "\(text)")
            #expect(manifest.trainingFile == name + ".jsonl")
        }
    }

    @Test func theManifestIsWrittenAndNeverReplacedUnasked() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let output = spool.layout.root + "/my.yaml"
        let arguments = ["init", "--model", "m", "--data", "t.jsonl", "--task", "chat", "--output", output]
        #expect(try spool.tala(arguments).status == 0)
        #expect(String(decoding: try DurableFiles.read(output), as: UTF8.self).contains("model: m\n"))
        let again = try spool.tala(arguments)
        #expect(again.status == 1 && again.errors.contains("--force"), "\(again)")
        #expect(try spool.tala(arguments + ["--force", "--full"]).status == 0)
        #expect(String(decoding: try DurableFiles.read(output), as: UTF8.self).contains("type: full"))
    }

    @Test func whatIsMissingIsNamedWithWhatThereIs() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try DurableFiles.makeFolder(spool.layout.models + "/owl")
        try DurableFiles.replace(spool.layout.models + "/owl/config.json", with: "{}")
        let outcome = try spool.tala(["init", "--data", "t.jsonl"])
        #expect(outcome.status == 2 && outcome.errors.contains("--model") && outcome.errors.contains("owl"), "\(outcome)")
    }
}
