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
            var template = ManifestTemplate(model: name, data: name + ".jsonl", task: task, trainsAllWeights: full || task == .text)
            let manifest = try Manifest(ManifestText(Array(template.text.utf8), isYAML: true))
            #expect(manifest.model == name, "\(template.text)")
            #expect(manifest.trainingFile == name + ".jsonl")
            // What a plan adds are comments, whatever a device calls itself.
            template.plan = ManifestTemplate.Plan(
                device: "card\ndevice: cpu", precision: "float32", steps: 3, batchSize: 8, learningRate: 2e-4, microBatchTokens: 512,
                longestExample: 90, recomputedLayers: 2, baseWeights: "nf4", peakBytes: 5 << 30)
            #expect(try Manifest(ManifestText(Array(template.text.utf8), isYAML: true)) == manifest, "\(template.text)")
            #expect(template.text.contains("float32; 5120 MiB at the peak, with 2 layers computed twice"), "\(template.text)")
        }
    }

    @Test func theCommentsSayWhatTheJobIsOnThisMachineAndTheManifestIsValid() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let demo = ReferenceSet.checkout + "/demo"
        try FileManager.default.copyItem(atPath: demo + "/model", toPath: spool.layout.models + "/owl")
        let folder = spool.layout.root + "/mine"
        try DurableFiles.makeFolder(folder)
        try FileManager.default.copyItem(atPath: demo + "/tune.jsonl", toPath: folder + "/tune.jsonl")
        let output = folder + "/manifest.yaml"
        let outcome = try spool.tala(["init", "--model", "owl", "--data", "tune.jsonl", "--task", "chat", "--output", output])
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
        let text = String(decoding: try DurableFiles.read(output), as: UTF8.self)
        for expected in ["steps of 8 examples", "# Here: 0.0002.", "# Here: stored.", "the longest example has", "MiB at the peak"] {
            #expect(text.contains(expected), "\(text)")
        }
        #expect(try spool.tala(["validate", output]).status == 0)
        // Without the model the manifest is written all the same, and it is said why it says less.
        let less = try spool.tala(["init", "--model", "none", "--data", "tune.jsonl", "--task", "chat", "--output", folder + "/less.yaml"])
        #expect(less.status == 0 && less.errors.contains("the comments say nothing of this machine: "), "\(less)")
        #expect(!String(decoding: try DurableFiles.read(folder + "/less.yaml"), as: UTF8.self).contains("# Here"))
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
