import Foundation
import Manifest
import Spool
import Storage
import Testing

/// What a name in a manifest means, by every way in which a file can be named.
@Suite struct ManifestResolverTests {
    /// A spool with a model and one data file, and a folder outside of it.
    private struct Place {
        let root: String
        let layout: SpoolLayout
        var outside: String { root + "/outside" }
        var beside: String { root + "/beside" }

        init() throws {
            let base = NSTemporaryDirectory() + "tala-resolver-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
            root = try #require(realpath(base, nil).map { String(cString: $0) })
            layout = SpoolLayout(root: root + "/spool")
            for path in layout.folders + [root + "/outside", root + "/beside/sub", layout.models + "/m", layout.files + "/sub"] {
                try folder(path)
            }
            try write(layout.models + "/m/config.json")
            for path in [
                "/spool/files/own.jsonl", "/spool/files/sub/deep.jsonl", "/outside/d.jsonl", "/beside/b.jsonl", "/beside/sub/s.jsonl",
            ] {
                try write(root + path)
            }
        }

        func folder(_ path: String) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }

        func write(_ path: String) throws { try DurableFiles.replace(path, with: "{}\n") }

        func link(_ path: String, to target: String) { symlink(target, path) }

        func remove() { FolderListing.delete(root) }

        func files(
            _ training: String = "own.jsonl", model: String = "m", roots: [String]? = [], bundle: ManifestResolver.Bundle? = nil,
            named name: String? = nil
        ) throws -> ManifestResolver.Files {
            try ManifestResolver(layout: layout, named: name, allowedRoots: roots).files(
                of: Manifest(model: model, trainingFile: training), bundle: bundle, for: Submitter(user: getuid())
            ) { _ in true }
        }

        func refusal(_ training: String = "own.jsonl", model: String = "m", roots: [String]? = []) -> ManifestError? {
            do {
                _ = try files(training, model: model, roots: roots)
                return nil
            } catch { return error as? ManifestError }
        }
    }

    @Test func aNameThatIsNearlyRightIsNamedAndAHubsModelHasItsCommand() throws {
        let place = try Place()
        defer { place.remove() }
        #expect(place.refusal("own.json")?.message.hasSuffix("did you mean \"own.jsonl\"?") == true)
        #expect(place.refusal("else.csv")?.message.contains("did you mean") == false)
        let beside = ManifestResolver.Bundle(path: place.beside, followsLinks: true)
        let refusal = #expect(throws: ManifestError.self) { try place.files("c.jsonl", bundle: beside) }
        #expect(refusal?.message.hasSuffix("did you mean \"b.jsonl\"?") == true)
        let model = try #require(place.refusal(model: "HuggingFaceTB/SmolLM2-135M-Instruct")?.message)
        #expect(model.contains("tala models pull HuggingFaceTB/SmolLM2-135M-Instruct") && model.hasSuffix("called SmolLM2-135M-Instruct"))
        for name in ["typo", "a/b/c", "../b", "a b/c", "/x/y"] {
            #expect(place.refusal(model: name)?.message.contains("models pull") == false, "\(name)")
        }
    }

    /// A job that trains nothing has one file, and what it compares with is found beside its model.
    @Test func anEvaluationNamesItsFileAndWhatItComparesWith() throws {
        let place = try Place()
        defer { place.remove() }
        try place.folder(place.layout.models + "/other")
        try place.write(place.layout.models + "/other/config.json")
        func files(_ comparison: String?) throws -> ManifestResolver.Files {
            var manifest = Manifest(model: "m", trainingFile: "")
            manifest.validationFile = "own.jsonl"
            var method = Manifest.EvaluationMethod()
            method.comparison = comparison
            manifest.method = Manifest.Method(method)
            return try ManifestResolver(layout: place.layout, allowedRoots: []).files(
                of: manifest, bundle: nil, for: Submitter(user: getuid())
            ) {
                _ in true
            }
        }
        let plain = try files(nil)
        #expect(plain.training.path == place.layout.files + "/own.jsonl" && plain.validation == nil && plain.comparisonPath == nil)
        #expect(try files("other").comparisonPath == place.layout.models + "/other")
        do {
            _ = try files("base")
            Issue.record("a model of models/ has no base")
        } catch { #expect((error as? ManifestError)?.param == "method.evaluation.compare_with") }
    }

    @Test func aNameInFilesIsFoundHoweverItIsWritten() throws {
        let place = try Place()
        defer { place.remove() }
        let own = place.layout.files + "/own.jsonl"
        for name in ["own.jsonl", "./own.jsonl", "sub/../own.jsonl", ".//own.jsonl", own, place.layout.files + "/./own.jsonl"] {
            #expect(try place.files(name).training.path == own, "\(name)")
        }
        #expect(try place.files("sub/deep.jsonl").training.path == place.layout.files + "/sub/deep.jsonl")
        for name in [
            "../files/own.jsonl.not", "../../outside/d.jsonl", "/etc/hostname", place.outside + "/d.jsonl", "sub", "nothing.jsonl",
        ] {
            #expect(place.refusal(name)?.param == "training_file", "\(name)")
        }
    }

    @Test func aLinkIsFollowedIntoAnAllowedRootAndNowhereElse() throws {
        let place = try Place()
        defer { place.remove() }
        place.link(place.layout.files + "/absolute.jsonl", to: place.outside + "/d.jsonl")
        place.link(place.layout.files + "/relative.jsonl", to: "../../outside/d.jsonl")
        place.link(place.layout.files + "/folder", to: place.outside)
        place.link(place.layout.files + "/chain.jsonl", to: "absolute.jsonl")
        place.link(place.layout.files + "/loop.jsonl", to: "loop.jsonl")
        place.link(place.layout.files + "/dangling.jsonl", to: place.outside + "/nothing")
        place.link(place.outside + "/away.jsonl", to: "/etc/hostname")
        for name in ["absolute.jsonl", "relative.jsonl", "folder/d.jsonl", "chain.jsonl"] {
            #expect(
                try place.files(name, roots: [place.outside]).training
                    == .init(
                        path: place.outside + "/d.jsonl", root: place.outside, isInBundle: false), "\(name)")
            let refusal = place.refusal(name)
            #expect(
                refusal?.code == "not_found" && refusal?.message.contains("leads outside") == true, "\(name): \(refusal?.message ?? "")")
            #expect(refusal?.message.contains(place.outside) == false, "where a link leads is nobody's business")
        }
        for name in ["loop.jsonl", "dangling.jsonl", "folder/away.jsonl", place.outside + "/away.jsonl"] {
            #expect(place.refusal(name, roots: [place.outside])?.code == "not_found", "\(name)")
        }
    }

    @Test func aNameThatLeadsUpAndOutIsNotCalledALink() throws {
        let place = try Place()
        defer { place.remove() }
        let message = try #require(place.refusal("../../outside/d.jsonl")).message
        #expect(
            message.contains("leads outside") && !message.contains("is a link") && message.contains("put the file into files/"),
            "\(message)")
    }

    @Test func aSpoolThatIsNamedByALinkIsTheSame() throws {
        let place = try Place()
        defer { place.remove() }
        let alias = place.root + "/alias"
        place.link(alias, to: place.layout.root)
        let own = place.layout.files + "/own.jsonl"
        #expect(try place.files(alias + "/files/own.jsonl", named: alias).training.path == own)
        #expect(try place.files("own.jsonl", model: alias + "/models/m", named: alias + "/").modelPath == place.layout.models + "/m")
        // The tool may have been given the link, the manifest the real path, or the other way
        // round.
        let byLink = ManifestResolver(layout: SpoolLayout(root: alias), allowedRoots: [])
        for name in [own, alias + "/files/own.jsonl", "own.jsonl"] {
            let found = try byLink.files(of: Manifest(model: "m", trainingFile: name), bundle: nil, for: Submitter(user: getuid())) { _ in
                true
            }
            #expect(found.training.path == own, "\(name)")
        }
    }

    @Test func aModelIsFoundByNameAndByPath() throws {
        let place = try Place()
        defer { place.remove() }
        let model = place.layout.models + "/m"
        try place.folder(place.layout.models + "/bare")
        for name in ["m", "./m", "m/", model, model + "/"] { #expect(try place.files(model: name).modelPath == model, "\(name)") }
        #expect(place.refusal(model: "bare")?.message.contains("is no model") == true)
        for name in ["./models/m", "../models/m", "none", "/etc", ".", "/", ".hidden"] {
            #expect(place.refusal(model: name)?.param == "model", "\(name)")
        }
    }

    /// huggingface_hub keeps a model's files in `blobs/`, and in `snapshots/REVISION/` links to
    /// them.
    @Test func aDownloadCacheIsFollowedBelowModelsAndAllowedRoots() throws {
        let place = try Place()
        defer { place.remove() }
        func cache(_ root: String) throws -> String {
            let snapshot = root + "/models--a--b/snapshots/0123"
            for folder in [root + "/models--a--b/blobs", snapshot] { try place.folder(folder) }
            for file in ["config.json", "tokenizer.json", "model.safetensors"] {
                try place.write(root + "/models--a--b/blobs/" + file + ".blob")
                place.link(snapshot + "/" + file, to: "../../blobs/\(file).blob")
            }
            return snapshot
        }
        let inModels = try cache(place.layout.models)
        #expect(try place.files(model: "models--a--b/snapshots/0123").modelPath == inModels)
        let hub = place.root + "/hub"
        let snapshot = try cache(hub)
        place.link(place.layout.models + "/linked", to: snapshot)
        for name in ["linked", snapshot] {
            #expect(try place.files(model: name, roots: [hub]).modelPath == snapshot, "\(name)")
        }
        let refusal = place.refusal(model: "linked")
        #expect(refusal?.message.contains("config.json of \"linked\" is a link that leads outside") == true, "\(refusal?.message ?? "")")
        #expect(refusal?.message.contains("cp -rL") == true)
        #expect(try place.files(model: "linked", roots: nil).modelPath == snapshot, "no daemon has said which roots it allows")
        FolderListing.delete(hub + "/models--a--b/blobs")
        #expect(place.refusal(model: "linked", roots: [hub])?.message.contains("link to nothing") == true)
    }

    @Test func whatLiesBesideAManifestIsFoundFirst() throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(place.beside + "/own.jsonl")
        place.link(place.beside + "/away.jsonl", to: place.outside + "/d.jsonl")
        let dropped = ManifestResolver.Bundle(path: place.beside, followsLinks: false)
        let looked = ManifestResolver.Bundle(path: place.beside, followsLinks: true)
        for bundle in [dropped, looked] {
            for name in ["b.jsonl", "sub/s.jsonl", "own.jsonl", "./b.jsonl"] {
                let found = try place.files(name, bundle: bundle).training
                #expect(found.isInBundle && found.root == place.beside && FolderListing.byteCount(found.path) != nil, "\(name)")
            }
        }
        #expect(try place.files("away.jsonl", bundle: looked).training.isInBundle)
        #expect(throws: ManifestError.self) { try place.files("away.jsonl", bundle: dropped) }
        #expect(throws: ManifestError.self) { try place.files("../outside/d.jsonl", bundle: looked) }
    }
}
