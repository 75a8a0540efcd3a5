import Foundation
import JSON
import Spool
import Storage
import TestSupport
import Testing

@Suite struct ModelsCommandTests {
    private static let demo = ReferenceSet.checkout + "/demo/model"

    private static func json(_ outcome: BuiltProgram.Outcome) throws -> JSONNode {
        try #require(try? JSONParser().parse(Array(outcome.output.utf8)), "\(outcome)")
    }

    @Test func aModelIsPulledListedShownVerifiedAndRemoved() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let hub = try FolderHub(Self.demo)
        func tala(_ arguments: [String]) throws -> BuiltProgram.Outcome {
            try BuiltProgram(name: "tala").run(arguments + ["--spool", spool.layout.root], environment: ["HF_ENDPOINT": hub.address])
        }
        let pulled = try tala(["models", "pull", "owner/small-model", "--json"])
        #expect(pulled.status == 0 && pulled.errors.isEmpty, "\(pulled)")
        let model = try Self.json(pulled)
        #expect(model["architecture"]?.string == "llama" && model["trainable"]?.bool == true && model["licence"]?.string == "apache-2.0")
        #expect(model["parameters"]?.integer ?? 0 > 100_000 && model["type"]?.string == "float32")
        #expect(model["source"]?["repository"]?.string == "owner/small-model")

        let list = try Self.json(tala(["models", "list", "--json"]))
        #expect(list["data"]?.array?.map { $0["name"]?.string } == ["small-model"])
        #expect(try tala(["models", "list"]).output.contains("small-model  llama"))
        let shown = try tala(["models", "show", "small-model"])
        #expect(shown.output.contains("chat template  yes") && shown.output.contains("owner/small-model"), "\(shown)")
        #expect(try tala(["models", "pull", "owner/small-model"]).errors.contains("--force"))

        #expect(try tala(["models", "verify"]).status == 0)
        let config = spool.layout.models + "/small-model/config.json"
        try DurableFiles.replace(config, with: String(decoding: DurableFiles.read(config), as: UTF8.self) + " ")
        let damaged = try tala(["models", "verify", "small-model"])
        #expect(damaged.status == 1 && damaged.output.contains("config.json"), "\(damaged)")

        #expect(try tala(["models", "remove", "../models/small-model"]).status == 2)
        #expect(try tala(["models", "remove", "small-model"]).status == 0)
        #expect(try FolderListing.names(in: spool.layout.models).isEmpty)
        #expect(try tala(["models", "show", "small-model"]).status == 2)
    }

    @Test func aModelThatAJobNeedsStays() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        #expect(try spool.tala(["models", "add", Self.demo, "--name", "tala-small"]).status == 0)
        try spool.add(1, "running")
        let refused = try spool.tala(["models", "remove", "tala-small"])
        #expect(refused.status == 1 && refused.errors.contains("is needed by ftjob-"), "\(refused)")
        #expect(try spool.tala(["models", "remove", "tala-small", "--force"]).status == 0)
    }

    @Test func aModelIsAddedFromAFolderAFileAndADownloadCache() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        // Hugging Face's cache: files in blobs/, links to them in snapshots/COMMIT.
        let cache = spool.layout.root + "/cache/models--owner--cached"
        let snapshot = cache + "/snapshots/0123456789"
        try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: cache + "/blobs", withIntermediateDirectories: true)
        for name in try FolderListing.names(in: Self.demo) {
            _ = try DurableFiles.copy(Self.demo + "/" + name, toNew: cache + "/blobs/" + name)
            try FileManager.default.createSymbolicLink(atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/" + name)
        }
        let variables = ["HF_HUB_CACHE": spool.layout.root + "/cache"]
        let places: [([String], String)] = [
            ([Self.demo, "--name", "one"], "one"), ([Self.demo + "/model.safetensors", "--name", "two"], "two"), ([cache], "cached"),
            (["owner/cached", "--name", "four"], "four"), ([snapshot, "--name", "five"], "five"),
        ]
        for (arguments, name) in places {
            let outcome = try BuiltProgram(name: "tala").run(
                ["models", "add"] + arguments + ["--spool", spool.layout.root, "--json"], environment: variables)
            #expect(outcome.status == 0, "\(arguments): \(outcome)")
            #expect(try Self.json(outcome)["trainable"]?.bool == true)
            let folder = spool.layout.models + "/" + name
            #expect(try WholeFolder.verify(folder) == nil)
            // A link would lead out of models/.
            #expect(FolderListing.byteCount(folder + "/model.safetensors") != nil)
        }
        for (place, words) in [
            ("/no/such/place", "there is no"), ("owner/nothing", "tala models pull"), (spool.layout.files, "config.json"),
        ] {
            let outcome = try spool.tala(["models", "add", place])
            #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome)")
        }
    }

    @Test func aGGUFFileIsAddedWithItsParts() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let folder = spool.layout.root + "/exported"
        try DurableFiles.makeFolder(folder)
        let file = "small.gguf"
        let exported = try spool.tala(["export", Self.demo, "--format", "gguf", "--type", "q8_0", folder + "/" + file])
        #expect(exported.status == 0, "\(exported)")
        for (place, name) in [(folder + "/" + file, "one"), (folder, "two")] {
            let outcome = try spool.tala(["models", "add", place, "--name", name, "--json"])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try Self.json(outcome)["trainable"]?.bool == true)
            #expect(try WholeFolder.verify(spool.layout.models + "/" + name) == nil)
        }
        // One model in parts: all of them, or none.
        let part = spool.layout.root + "/Big-00001-of-00002.gguf"
        _ = try DurableFiles.copy(folder + "/" + file, toNew: part)
        let refused = try spool.tala(["models", "add", part])
        #expect(refused.status == 2 && refused.errors.contains("one of 2 parts, of which"), "\(refused)")
        _ = try DurableFiles.copy(folder + "/" + file, toNew: folder + "/second.gguf")
        let several = try spool.tala(["models", "add", folder])
        #expect(several.status == 2 && several.errors.contains("holds several models"), "\(several)")
    }

    @Test func whatCannotBeTrainedIsListedWithItsReasonAndNotDownloaded() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let folder = spool.layout.root + "/strange"
        try DurableFiles.makeFolder(folder)
        try DurableFiles.replace(folder + "/config.json", with: #"{"model_type": "mamba"}"#)
        try DurableFiles.replace(folder + "/model.safetensors", with: "x")
        try DurableFiles.replace(folder + "/README.md", with: "---\nlicense: mit\n---\n")
        #expect(try spool.tala(["models", "add", folder]).output.contains("cannot be trained"))
        let listed = try Self.json(spool.tala(["models", "list", "--json"]))["data"]?.array?.first
        #expect(listed?["trainable"]?.bool == false && listed?["licence"]?.string == "mit" && listed?["architecture"]?.string == "mamba")
        #expect(listed?["reason"]?.string?.contains("mamba") == true)

        let hub = try FolderHub(folder)
        func pull(_ arguments: [String]) throws -> BuiltProgram.Outcome {
            try BuiltProgram(name: "tala").run(
                ["models", "pull", "owner/other", "--spool", spool.layout.root] + arguments, environment: ["HF_ENDPOINT": hub.address])
        }
        let refused = try pull([])
        #expect(refused.status == 1 && refused.errors.contains("mamba") && refused.errors.contains("--any"), "\(refused)")
        #expect(!FolderListing.exists(spool.layout.models + "/other"))
        #expect(try pull(["--any"]).status == 0)
    }

    @Test func whoMayNotWriteIsToldHow() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let missing = try spool.tala(["models", "pull", "owner/model", "--to", "/no/such/folder"])
        #expect(missing.status == 2 && missing.errors.contains("there is no folder"))
        guard geteuid() != 0 else {
            print("skipped: root may write everywhere")
            return
        }
        chmod(spool.layout.models, 0o555)
        let refused = try spool.tala(["models", "pull", "owner/model"])
        #expect(refused.status == 1 && refused.errors.contains("sudo") && refused.errors.contains("--to DIR"), "\(refused)")
    }

    @Test func namesThatAreNoneAreUsageErrors() throws {
        for arguments in [["models", "pull", "model"], ["models", "pull", "a/b", "--name", "../x"]] {
            #expect(try BuiltProgram(name: "tala").run(arguments + ["--spool", "/tmp"]).status == 2, "\(arguments)")
        }
    }
}
