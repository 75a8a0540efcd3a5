import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import Hub

@Suite struct HubPullTests {
    private static func pull(_ hub: TestHub, _ scratch: Scratch, token: String? = nil, waits: Waits = Waits(), replacing: Bool = false)
        throws
        -> HubPull.Outcome
    {
        try HubPull(
            try HubReference("owner/model"), from: .of(hub.server, token: token, waits: waits), to: scratch.target, replacing: replacing
        ).run()
    }

    private static func failure(_ body: () throws -> Void) -> HubError? {
        do { try body() } catch { return error as? HubError }
        return nil
    }

    @Test func aModelComesWholeVerifiedAndWithoutWhatNobodyNeeds() throws {
        let (hub, scratch) = (try TestHub(), try Scratch())
        let outcome = try Self.pull(hub, scratch)
        #expect(outcome.commit == TestHub.commit && outcome.licence == "apache-2.0" && outcome.fileCount == 5)
        for name in ["config.json", "tokenizer.json", "README.md", "model.safetensors", "additional_chat_templates/tool_use.jinja"] {
            #expect(try DurableFiles.read(scratch.target + "/" + name) == TestHub.model[name], "\(name)")
        }
        for name in ["pytorch_model.bin", ".gitattributes", ".lock"] {
            #expect(!FolderListing.exists(scratch.target + "/" + name), "\(name)")
        }
        #expect(try WholeFolder.verify(scratch.target) == nil)
        #expect(scratch.hidden.isEmpty, "\(scratch.hidden)")
        let source = try #require(ModelSource(folder: scratch.target))
        #expect(source.repository == "owner/model" && source.commit == TestHub.commit)
        // Files are asked for by the commit, never by the branch, which may move meanwhile.
        #expect(hub.server.requests.dropFirst().allSatisfy { $0.path.contains("/resolve/\(TestHub.commit)/") })
        #expect(hub.server.requests.first?.path == "/api/models/owner/model/revision/main?blobs=true")
    }

    @Test func whatIsThereStaysUnlessItIsToBeReplaced() throws {
        let (hub, scratch) = (try TestHub(), try Scratch())
        try DurableFiles.makeFolder(scratch.target)
        #expect(Self.failure { _ = try Self.pull(hub, scratch) } == .exists(scratch.target))
        #expect(hub.server.requests.isEmpty)
        _ = try Self.pull(hub, scratch, replacing: true)
        #expect(try WholeFolder.verify(scratch.target) == nil)
    }

    @Test func aConnectionThatBreaksIsTakenUpWhereItEnded() throws {
        let weights = try #require(TestHub.model["model.safetensors"])
        let hub = try TestHub { request, count in
            guard request.path.hasSuffix("/model.safetensors"), count <= 3 else { return nil }
            var answer = TestHub.part(weights, request)
            answer.cutAfter = 70_000
            return answer
        }
        let (scratch, waits) = (try Scratch(), Waits())
        _ = try Self.pull(hub, scratch, waits: waits)
        #expect(try WholeFolder.verify(scratch.target) == nil)
        #expect(hub.weightRequests.map { $0.fields["range"] } == [nil, "bytes=70000-", "bytes=140000-", "bytes=210000-"])
        // Each attempt came further: none waits longer than the first.
        #expect(waits.seconds == [1, 1, 1])
    }

    @Test func aDownloadThatWasBrokenOffGoesOnInTheNextRun() throws {
        let weights = try #require(TestHub.model["model.safetensors"])
        let broken = try TestHub { request, count in
            guard request.path.hasSuffix("/model.safetensors") else { return nil }
            // Once a piece, then nothing at all.
            guard count == 1 else { return TestServer.Answer(body: weights, cutAfter: 0) }
            return TestServer.Answer(body: weights, cutAfter: 100_000)
        }
        let (scratch, waits) = (try Scratch(), Waits())
        guard case .connection? = Self.failure({ _ = try Self.pull(broken, scratch, waits: waits) }) else {
            Issue.record("the download did not fail")
            return
        }
        #expect(waits.seconds == [1, 2, 4, 8, 16])
        #expect(!FolderListing.exists(scratch.target))
        #expect(scratch.hidden == [".pull-model-0123456789ab"])
        let hub = try TestHub()
        _ = try Self.pull(hub, scratch)
        #expect(hub.weightRequests.map { $0.fields["range"] } == ["bytes=100000-"])
        #expect(!hub.server.requests.contains { $0.path.hasSuffix("/tokenizer.json") }, "a file that is whole came again")
        #expect(try WholeFolder.verify(scratch.target) == nil && scratch.hidden.isEmpty)
    }

    @Test func aServerThatSendsTheWholeInsteadOfAPartIsUnderstood() throws {
        let weights = try #require(TestHub.model["model.safetensors"])
        let hub = try TestHub { request, count in
            guard request.path.hasSuffix("/model.safetensors") else { return nil }
            return TestServer.Answer(body: weights, cutAfter: count == 1 ? 1000 : nil)
        }
        let scratch = try Scratch()
        _ = try Self.pull(hub, scratch)
        #expect(try DurableFiles.read(scratch.target + "/model.safetensors") == weights)
    }

    @Test func whatArrivesDamagedIsFetchedOnceMoreAndThenRefused() throws {
        var damaged = try #require(TestHub.model["model.safetensors"])
        damaged[1234] ^= 1
        let wrong = damaged
        let once = try TestHub { request, count in
            request.path.hasSuffix("/model.safetensors") && count == 1 ? TestServer.Answer(body: wrong) : nil
        }
        let first = try Scratch()
        _ = try Self.pull(once, first)
        #expect(try WholeFolder.verify(first.target) == nil && once.weightRequests.count == 2)

        for name in ["model.safetensors", "config.json"] {
            let always = try TestHub { request, _ in
                request.path.hasSuffix("/" + name)
                    ? TestServer.Answer(body: (TestHub.model[name] ?? []).map { $0 ^ 1 }) : nil
            }
            let second = try Scratch()
            guard case .digest(name, _, _)? = Self.failure({ _ = try Self.pull(always, second) }) else {
                Issue.record("damaged \(name) was taken")
                continue
            }
            #expect(!FolderListing.exists(second.target))
        }
    }

    @Test func anAnswerThatIsTooLargeIsStopped() throws {
        let hub = try TestHub { request, _ in
            request.path.hasSuffix("/tokenizer.json") ? TestServer.Answer(body: Array(repeating: 0, count: 10_000_000)) : nil
        }
        let scratch = try Scratch()
        #expect(Self.failure { _ = try Self.pull(hub, scratch) } == .tooLarge(file: "tokenizer.json", limit: 2))
        let part = scratch.path + "/.pull-model-0123456789ab/tokenizer.json.part"
        #expect(FolderListing.byteCount(part) == 0)
    }

    @Test func shardsComeByTheirIndexAndNothingElseDoes() throws {
        var files = TestHub.model
        files["model.safetensors"] = nil
        files["model-00001-of-00002.safetensors"] = [1, 2]
        files["model-00002-of-00002.safetensors"] = [3]
        files["other.safetensors"] = [4]
        files["model.safetensors.index.json"] = Array(
            #"{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#.utf8)
        let scratch = try Scratch()
        _ = try Self.pull(try TestHub(files, large: []), scratch)
        let names = try FolderListing.names(in: scratch.target)
        #expect(names.filter { $0.hasSuffix(".safetensors") } == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])

        files["model.safetensors.index.json"] = Array(#"{"weight_map": {"a": "../../x.safetensors"}}"#.utf8)
        let hostile = try Scratch()
        #expect(Self.failure { _ = try Self.pull(try TestHub(files, large: []), hostile) } == .unsafeName("../../x.safetensors"))
    }

    @Test func aModelWithoutSafetensorsIsRefusedBeforeAnythingLargeComes() throws {
        var files = TestHub.model
        files["model.safetensors"] = nil
        let scratch = try Scratch()
        let hub = try TestHub(files, large: [])
        #expect(Self.failure { _ = try Self.pull(hub, scratch) } == .noWeights("owner/model", others: ["pytorch_model.bin"]))
    }

    private static let quantised: [String: [UInt8]] = [
        "README.md": Array("# Quantised\n".utf8), "config.json": Array(#"{"model_type": "llama"}"#.utf8),
        "Model-Q4_K_M.gguf": [1, 2, 3], "Model-Q8_0.gguf": [4, 5, 6, 7], "mmproj-Model-f16.gguf": [8], "Model.imatrix.gguf": [9],
        "Model-BF16/Model-BF16-00001-of-00002.gguf": [10], "Model-BF16/Model-BF16-00002-of-00002.gguf": [11, 12],
        "Model-F32-00001-of-00002.gguf": [13],
    ]

    private static func pull(_ name: String, _ files: [String: [UInt8]], _ scratch: Scratch) throws -> [String] {
        let hub = try TestHub(files, large: Set(files.keys.filter { $0.hasSuffix(".gguf") }))
        _ = try HubPull(try HubReference(name), from: .of(hub.server), to: scratch.target).run(examine: { _ in
            Issue.record("a GGUF file has no texts beside it")
        })
        #expect(try WholeFolder.verify(scratch.target) == nil)
        return try FolderListing.names(in: scratch.target).filter { $0.hasSuffix(".gguf") || $0 == "config.json" }.sorted()
    }

    @Test func oneGGUFFileOfManyComesByTheEndOfItsName() throws {
        #expect(try Self.pull("owner/model:q4_k_m", Self.quantised, Scratch()) == ["Model-Q4_K_M.gguf"])
        #expect(try Self.pull("owner/model:Model-Q8_0.gguf", Self.quantised, Scratch()) == ["Model-Q8_0.gguf"])
        // Parts in a folder of the repository lie in the model's own.
        let scratch = try Scratch()
        let parts = try Self.pull("owner/model:BF16", Self.quantised, scratch)
        #expect(parts == ["Model-BF16-00001-of-00002.gguf", "Model-BF16-00002-of-00002.gguf"])
        #expect(try DurableFiles.read(scratch.target + "/" + parts[1]) == [11, 12])
        #expect(!FolderListing.exists(scratch.target + "/Model-BF16"))
        // The only one needs no name.
        let one = Self.quantised.filter { !["Model-Q8_0.gguf"].contains($0.key) && !$0.key.contains("BF16") }
        #expect(try Self.pull("owner/model", one, Scratch()) == ["Model-Q4_K_M.gguf"])
    }

    @Test(arguments: [nil, "Q5_K_M", "0", "F32"]) func aChoiceOfGGUFFilesIsListed(variant: String?) throws {
        // Of the model in F32 a part is missing: it is not offered.
        let choices = [("Model-BF16", 3), ("Model-Q4_K_M", 3), ("Model-Q8_0", 4)].map { HubError.Variant(name: $0.0, byteCount: $0.1) }
        let name = "owner/model" + (variant.map { ":" + $0 } ?? "")
        let failure = Self.failure { _ = try Self.pull(name, Self.quantised, Scratch()) }
        #expect(failure == .variant(variant, "owner/model", choices: choices))
        #expect("\(try #require(failure))".contains("owner/model:BF16"))
    }

    @Test func aVariantNamesTheModelHere() throws {
        for (text, name) in [
            ("o/Phi-3-GGUF:Q4_K_M", "Phi-3-Q4_K_M"), ("o/phi:phi-q8_0.gguf@main", "phi-q8_0"), ("o/phi-gguf", "phi-gguf"),
        ] {
            #expect(try HubReference(text).localName == name)
        }
        for text in ["o/n:", "o/n:a/b", "o/n:.x", "o:a/n"] { #expect(throws: HubError.self) { try HubReference(text) } }
    }

    @Test func whoeverLooksAtTheTextsCanStopTheWeights() throws {
        struct NotThis: Error {}
        let (hub, scratch) = (try TestHub(), try Scratch())
        #expect(throws: NotThis.self) {
            try HubPull(try HubReference("owner/model"), from: .of(hub.server), to: scratch.target).run(examine: { folder in
                #expect(try DurableFiles.read(folder + "/config.json") == TestHub.model["config.json"])
                throw NotThis()
            })
        }
        #expect(hub.weightRequests.isEmpty)
    }

    @Test func twoDownloadsOfOneModelKeepOutOfEachOther() throws {
        let (hub, scratch) = (try TestHub(), try Scratch())
        let other = PartialDownload(target: scratch.target, commit: TestHub.commit)
        let lock = try other.open()
        #expect(Self.failure { _ = try Self.pull(hub, scratch) } == .busy(other.path))
        withExtendedLifetime(lock) {}
    }
}
