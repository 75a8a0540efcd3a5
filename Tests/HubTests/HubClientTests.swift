import Foundation
import JSON
import Storage
import TestSupport
import Testing

@testable import Hub

@Suite struct HubClientTests {
    private static func refusal(_ hub: TestHub, token: String? = nil, waits: Waits = Waits()) throws -> HTTPRefusal? {
        do {
            _ = try HubPull(
                HubReference("owner/model"), from: .of(hub.server, token: token, waits: waits), to: Scratch().target
            ).run()
        } catch HubError.refused(let refusal) { return refusal }
        return nil
    }

    @Test func theTokenGoesToTheHubAndToNobodyElse() throws {
        let weights = try #require(TestHub.model["model.safetensors"])
        let elsewhere = try TestServer { TestHub.part(weights, $0) }
        let place = elsewhere.address + "/cdn/weights"
        let hub = try TestHub { request, _ in request.path.hasSuffix("/model.safetensors") ? .redirect(302, to: place) : nil }
        let scratch = try Scratch()
        _ = try HubPull(HubReference("owner/model"), from: .of(hub.server, token: "hf_secret"), to: scratch.target).run()
        #expect(try WholeFolder.verify(scratch.target) == nil)
        #expect(!hub.server.requests.isEmpty && hub.server.requests.allSatisfy { $0.fields["authorization"] == "Bearer hf_secret" })
        // The same address but for the port is another origin.
        #expect(elsewhere.requests.map { $0.fields["authorization"] } == [nil])
    }

    @Test func redirectsWithinTheHubKeepTheTokenAndTheRange() throws {
        let hub = try TestHub { request, count in
            guard request.path.hasSuffix("/model.safetensors"), !request.path.hasPrefix("/moved") else {
                guard request.path.hasPrefix("/moved") else { return nil }
                var answer = TestHub.part(TestHub.model["model.safetensors"] ?? [], request)
                if count == 1 { answer.cutAfter = 5000 }
                return answer
            }
            return .redirect(307, to: "/moved/model.safetensors")
        }
        let scratch = try Scratch()
        _ = try HubPull(HubReference("owner/model"), from: .of(hub.server, token: "hf_secret"), to: scratch.target).run()
        let moved = hub.server.requests.filter { $0.path.hasPrefix("/moved") }
        #expect(moved.map { $0.fields["range"] } == [nil, "bytes=5000-"])
        #expect(moved.allSatisfy { $0.fields["authorization"] == "Bearer hf_secret" })
    }

    @Test(arguments: ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://x/", "http://user:word@127.0.0.1/", "https://"])
    func redirectsToOtherSchemesAndHiddenHostsAreNotFollowed(place: String) throws {
        let hub = try TestHub { request, _ in request.path.hasPrefix("/api") ? .redirect(302, to: place) : nil }
        #expect(throws: HubError.self) {
            try HubPull(HubReference("owner/model"), from: .of(hub.server), to: Scratch().target).run()
        }
        #expect(hub.server.requests.count == 1)
    }

    @Test func redirectsThatGoInACircleEnd() throws {
        let hub = try TestHub { request, _ in .redirect(302, to: request.path) }
        #expect(throws: HubError.self) {
            try HubPull(HubReference("owner/model"), from: .of(hub.server), to: Scratch().target).run()
        }
        #expect(hub.server.requests.count == 6)
    }

    @Test func aServerThatAsksForPatienceGetsIt() throws {
        let hub = try TestHub { request, count in
            guard request.path.hasPrefix("/api"), count <= 2 else { return nil }
            return TestServer.Answer(status: 429, fields: [("Retry-After", "\(count * 7)")])
        }
        let (scratch, waits) = (try Scratch(), Waits())
        _ = try HubPull(HubReference("owner/model"), from: .of(hub.server, waits: waits), to: scratch.target).run()
        #expect(waits.seconds == [7, 14])
    }

    @Test func tooMuchPatienceIsReportedInstead() throws {
        let waits = Waits()
        let hub = try TestHub { _, _ in TestServer.Answer(status: 429, fields: [("Retry-After", "3600")]) }
        let refusal = try #require(try Self.refusal(hub, waits: waits))
        #expect(refusal.status == 429 && "\(refusal)".contains("3600 s") && waits.seconds.isEmpty)
    }

    @Test func faultsOfTheServerAreTriedAgainButNotForEver() throws {
        let (hub, waits) = (try TestHub { _, _ in .text("", status: 503) }, Waits())
        #expect(try Self.refusal(hub, waits: waits)?.status == 503)
        #expect(hub.server.requests.count == 6 && waits.seconds == [1, 2, 4, 8, 16])
    }

    @Test(
        arguments: [
            (401, "RepoNotFound", "no such model"), (401, nil, "HF_TOKEN"), (403, "GatedRepo", "accept"),
            (404, "RevisionNotFound", "no such branch"), (404, nil, "no such model"), (418, nil, "418"),
        ] as [(Int, String?, String)])
    func aRefusalSaysWhatToDoAndIsNotTriedAgain(status: Int, code: String?, words: String) throws {
        let hub = try TestHub { _, _ in TestServer.Answer(status: status, fields: code.map { [("X-Error-Code", $0)] } ?? []) }
        let refusal = try #require(try Self.refusal(hub))
        #expect("\(refusal)".contains(words), "\(refusal)")
        #expect(hub.server.requests.count == 1)
    }

    @Test func aTokenIsNotSentWhereOthersCouldReadIt() throws {
        let open = try HubEndpoint { ["HF_ENDPOINT": "http://hub.example:8080", "HF_TOKEN": "hf_secret"][$0] }
        #expect(open.token(for: open.address.origin) == nil)
        let closed = try HubEndpoint { ["HF_TOKEN": "hf_secret"][$0] }
        #expect(closed.token(for: closed.address.origin) == "hf_secret")
    }

    @Test func theTokenIsFoundWhereHuggingFacesToolsKeepIt() throws {
        let scratch = try Scratch()
        try DurableFiles.makeFolder(scratch.path + "/huggingface")
        try DurableFiles.replace(scratch.path + "/huggingface/token", with: "hf_fromFile\n")
        try DurableFiles.replace(scratch.path + "/mine", with: "hf_mine")
        #expect(try HubEndpoint { ["XDG_CACHE_HOME": scratch.path][$0] }.token == "hf_fromFile")
        #expect(try HubEndpoint { ["HF_HOME": scratch.path + "/huggingface"][$0] }.token == "hf_fromFile")
        #expect(try HubEndpoint { ["HF_TOKEN_PATH": scratch.path + "/mine", "XDG_CACHE_HOME": scratch.path][$0] }.token == "hf_mine")
        #expect(try HubEndpoint { ["HF_TOKEN": "hf_variable", "XDG_CACHE_HOME": scratch.path][$0] }.token == "hf_variable")
        #expect(try HubEndpoint { ["HF_HOME": "/no/such/folder"][$0] }.token == nil)
        #expect(throws: HubError.badToken(place: "HF_TOKEN")) { try HubEndpoint { ["HF_TOKEN": "two words"][$0] } }
        #expect(throws: HubError.badToken(place: "HF_TOKEN")) { try HubEndpoint { ["HF_TOKEN": "a\"\nurl = b"][$0] } }
    }

    @Test(arguments: ["../x", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "", "a\u{0}b", "a\\b", String(repeating: "x", count: 300)])
    func aListingWithAHostileNameIsRefusedAsAWhole(name: String) throws {
        let node: JSONNode = [
            "sha": JSONNode(TestHub.commit),
            "siblings": [["rfilename": JSONNode(name), "size": 1, "blobId": JSONNode(TestHub.commit)]],
        ]
        #expect(throws: HubError.unsafeName(String(name.prefix(100)))) { try HubListing(JSONWriter().bytes(node), from: "hub") }
    }

    @Test(arguments: [
        "", "<!doctype html><html>", "{}", #"{"sha": "main", "siblings": []}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": -1, "blobId": "0123456789abcdef0123456789abcdef01234567"}]}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": 99999999999999999999, "blobId": "0123456789abcdef0123456789abcdef01234567"}]}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": 1, "blobId": "x"}]}"#,
        #"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": 1, "lfs": {"sha256": "00"}}]}"#,
    ])
    func aListingThatIsNoneIsAnError(text: String) {
        #expect(throws: HubError.self) { try HubListing(Array(text.utf8), from: "hub") }
    }

    @Test(arguments: ["name", "a/b/c", "../b", "a/..", "a/b@", "a/b@../c", "a b/c", "/a", "a/b@x y", "-/..", ".a/b"])
    func aNameThatIsNoModelsIsRefused(text: String) { #expect(throws: HubError.self) { try HubReference(text) } }

    @Test func aRevisionStandsBehindTheName() throws {
        let reference = try HubReference("HuggingFaceTB/SmolLM2-135M@refs/pr/1")
        #expect(reference.repository == "HuggingFaceTB/SmolLM2-135M" && reference.revision == "refs/pr/1")
        let hub = try TestHub()
        _ = try? HubPull(HubReference("owner/model@refs/pr/1"), from: .of(hub.server), to: Scratch().target).run()
        #expect(hub.server.requests.first?.path == "/api/models/owner/model/revision/refs%2Fpr%2F1?blobs=true")
    }
}
