import Foundation
import TestSupport
import Testing

/// `tala submit` of a manifest with its data beside it.
@Suite struct CarriedDataTests {
    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test func dataBesideTheManifestIsCarriedAlong() throws {
        let files = FileManager.default
        let root = NSTemporaryDirectory() + "tala-carried-\(UUID().uuidString)"
        defer { try? files.removeItem(atPath: root) }
        let spool = root + "/spool"
        for folder in ["incoming", "files", "models", "jobs", "rejected", "control"] {
            try files.createDirectory(atPath: spool + "/" + folder, withIntermediateDirectories: true)
        }
        try files.createDirectory(atPath: root + "/beside/sub", withIntermediateDirectories: true)
        for (path, content) in [
            ("beside/t.jsonl", "training"), ("beside/sub/v.jsonl", "validation"), ("spool/files/shared.jsonl", "shared"),
            ("beside/other", "other"),
        ] { try content.write(toFile: root + "/" + path, atomically: true, encoding: .utf8) }
        func submit(_ manifest: String, in folder: String) throws -> [String] {
            try manifest.write(toFile: folder + "/job.yaml", atomically: true, encoding: .utf8)
            let outcome = try BuiltProgram(name: "tala").run(["submit", "--spool", spool, folder + "/job.yaml"])
            #expect(outcome.status == 75, "no daemon works here: \(outcome.errors)")
            let drops = try files.contentsOfDirectory(atPath: spool + "/incoming").filter { !$0.hasPrefix(".") }
            return drops.map { spool + "/incoming/" + $0 }
        }
        let bundle = try #require(
            try submit("model: m\ntraining_file: ./t.jsonl\nvalidation_file: sub/v.jsonl\n", in: root + "/beside").first)
        #expect(Self.text(bundle + "/t.jsonl") == "training" && Self.text(bundle + "/sub/v.jsonl") == "validation")
        #expect(Self.text(bundle + "/manifest.yaml")?.hasPrefix("model: m") == true)
        #expect(!files.fileExists(atPath: bundle + "/other"), "only what the manifest names goes along")
        try files.removeItem(atPath: bundle)
        // What lies in files/ is found there, also for a manifest that lies there itself.
        for folder in [root + "/beside", spool + "/files"] {
            let drop = try #require(try submit("model: m\ntraining_file: shared.jsonl\n", in: folder).first)
            #expect(drop.hasSuffix(".yaml") && Self.text(drop)?.contains("shared") == true)
            try files.removeItem(atPath: drop)
        }
    }
}
