import Foundation
import JSON
import Storage
import TestSupport
import Spool
import Testing

@testable import CommandLineTools

@Suite struct SubmitTests {
    private static func manifest(_ name: String = "my job äöü.yaml", _ text: String = "model: m\ntraining_file: t.jsonl\n") throws -> String
    {
        let folder = NSTemporaryDirectory() + "tala-submit-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        try DurableFiles.replace(folder + "/" + name, with: text)
        return folder + "/" + name
    }

    @Test func withoutADaemonTheNameOfTheDropIsPrintedAndFindsIt() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let manifest = try Self.manifest()
        let outcome = try spool.tala(["submit", manifest])
        let name = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(outcome.status == 75, "\(outcome)")
        #expect(try FolderListing.names(in: spool.layout.incoming) == [name])
        #expect(outcome.errors.contains("do not submit again"), "\(outcome)")
        let waiting = try spool.tala(["status", name])
        #expect(waiting.status == 2 && waiting.errors.contains("no daemon has taken it yet"), "\(waiting)")

        let second = try JSONParser().parse(Array(spool.tala(["submit", manifest, "--json"]).output.utf8))
        #expect(second["id"]?.isNull == true)
        #expect(try FolderListing.names(in: spool.layout.incoming).contains(second["drop"]?.string ?? ""))
        #expect(second["error"]?["code"]?.string == "no_daemon")
    }

    @Test func aDropHasANameThatTheDaemonTakes() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let name = try spool.tala(["submit", Self.manifest()]).output.dropLast()
        #expect(name.hasPrefix("my_job____") && name.hasSuffix(".yaml"), "\(name)")
        #expect(name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }, "\(name)")
    }

    /// What tala reads as a manifest the daemon reads as one, whatever the file is called.
    @Test(arguments: [
        ("job", ".yaml"), ("JOB.YAML", ".yaml"), ("job.yml", ".yml"), ("job.yaml~", ".yaml"), ("job.conf", ".yaml"), (".job", ".yaml"),
    ])
    func aManifestOfAnyNameIsDroppedUnderOneThatTheDaemonTakes(own: String, ending: String) throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let name = try spool.tala(["submit", Self.manifest(own)]).output.dropLast()
        #expect(name.hasSuffix(ending) && Claim.isCandidate(String(name)), "\(name)")
    }

    @Test func aBundleIsDroppedWithItsSubfolders() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let folder = DurableFiles.split(try Self.manifest("manifest.yaml")).folder
        try DurableFiles.makeFolder(folder + "/data")
        try DurableFiles.replace(folder + "/data/t.jsonl", with: "{}\n")
        let name = try spool.tala(["submit", folder]).output.dropLast()
        #expect(FolderListing.exists("\(spool.layout.incoming)/\(name)/data/t.jsonl"))
    }

    @Test func aManifestThatIsRefusedIsNotDropped() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let manifest = try Self.manifest("job.yaml", "model: m\ntraining_file: t.jsonl\nnum_train_epochs: 3\n")
        let outcome = try spool.tala(["submit", manifest])
        #expect(outcome.status == 1 && outcome.errors.contains("n_epochs"), "\(outcome)")
        let error = try JSONParser().parse(Array(spool.tala(["submit", "--json", manifest]).output.utf8))["error"]
        #expect(error?["code"]?.string == "rejected" && error?["reason"]?.string == "unknown_key" && error?["line"]?.integer == 3)
        #expect(try FolderListing.names(in: spool.layout.incoming).isEmpty)
    }

    @Test func aRefusalOfTheDaemonIsFoundUnderTheNameOfTheDrop() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let folder = spool.layout.rejected + "/job.1-2.yaml"
        try DurableFiles.makeFolder(folder)
        try DurableFiles.replace(
            folder + "/error.json",
            with:
                #"{"code": "not_found", "message": "\"m\" is not in models/", "param": "model", "file": "job.1-2.yaml", "line": null, "column": null}"#
        )
        let outcome = try spool.tala(["status", "job.1-2.yaml"])
        #expect(outcome.status == 1 && outcome.errors.contains("model: \"m\" is not in models/"), "\(outcome)")
    }
}
