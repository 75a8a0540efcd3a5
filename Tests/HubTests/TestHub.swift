import Foundation
import JSON
import Storage
import TestSupport

@testable import Hub

/// A hub as far as its clients see it: a listing, files by commit, ranges, and whatever faults a
/// test wants of it.
final class TestHub: @unchecked Sendable {
    static let commit = "0123456789abcdef0123456789abcdef01234567"

    /// Files by name; those of the second list are git-lfs's.
    private let files: [String: [UInt8]]
    private let large: Set<String>
    /// Asked before each answer: what it gives is the answer.
    private let fault: @Sendable (TestServer.Request, Int) -> TestServer.Answer?
    private let lock = NSLock()
    private var counts: [String: Int] = [:]
    private(set) var server: TestServer!

    init(
        _ files: [String: [UInt8]] = TestHub.model, large: Set<String> = ["model.safetensors"],
        fault: @escaping @Sendable (TestServer.Request, Int) -> TestServer.Answer? = { _, _ in nil }
    ) throws {
        (self.files, self.large, self.fault) = (files, large, fault)
        server = try TestServer { [unowned self] in answer($0) }
    }

    /// A model of a few kilobytes.
    static let model: [String: [UInt8]] = [
        "config.json": Array(#"{"model_type": "llama"}"#.utf8), "tokenizer.json": Array("{}".utf8),
        "README.md": Array("---\nlicense: apache-2.0\n---\n# A model\n".utf8), ".gitattributes": Array("*.safetensors filter=lfs\n".utf8),
        "model.safetensors": (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }, "pytorch_model.bin": [1, 2, 3],
        "additional_chat_templates/tool_use.jinja": Array("{{ messages }}".utf8),
    ]

    static func gitBlob(_ bytes: [UInt8]) throws -> String {
        let path = NSTemporaryDirectory() + "tala-blob-\(UUID().uuidString)"
        defer { FolderListing.delete(path) }
        try bytes.withUnsafeBytes { try DurableFiles.write($0, toNew: path) }
        return try GitBlobDigest.hexadecimal(ofFile: path)
    }

    var listing: JSONNode {
        let siblings = files.keys.sorted().map { name -> JSONNode in
            let bytes = files[name] ?? []
            var members = [
                JSONMember("rfilename", JSONNode(name)), JSONMember("size", JSONNode(bytes.count)),
                JSONMember("blobId", JSONNode((try? Self.gitBlob(bytes)) ?? "")),
            ]
            if large.contains(name) {
                members.append(
                    JSONMember(
                        "lfs", ["sha256": JSONNode(SHA256.hexadecimal(of: bytes)), "size": JSONNode(bytes.count), "pointerSize": 130]))
            }
            return JSONNode(members)
        }
        return ["id": "owner/model", "sha": JSONNode(Self.commit), "siblings": JSONNode(siblings), "cardData": ["license": "apache-2.0"]]
    }

    private func answer(_ request: TestServer.Request) -> TestServer.Answer {
        let count = lock.withLock { () -> Int in
            counts[request.path, default: 0] += 1
            return counts[request.path] ?? 0
        }
        if let answer = fault(request, count) { return answer }
        if request.path.hasPrefix("/api/models/owner/model/revision/") { return .text(JSONWriter().string(listing)) }
        let prefix = "/owner/model/resolve/\(Self.commit)/"
        guard request.path.hasPrefix(prefix), let bytes = files[String(request.path.dropFirst(prefix.count))] else {
            return .text("Entry not found", status: 404)
        }
        return Self.part(bytes, request)
    }

    /// A file, or the part of it that was asked for.
    static func part(_ bytes: [UInt8], _ request: TestServer.Request) -> TestServer.Answer {
        guard let range = request.fields["range"], let first = Int(range.dropFirst("bytes=".count).prefix { $0 != "-" }) else {
            return TestServer.Answer(body: bytes)
        }
        guard first < bytes.count else { return TestServer.Answer(status: 416, fields: [("Content-Range", "bytes */\(bytes.count)")]) }
        return TestServer.Answer(
            status: 206, fields: [("Content-Range", "bytes \(first)-\(bytes.count - 1)/\(bytes.count)")], body: Array(bytes[first...]))
    }

    /// Requests of the weights.
    var weightRequests: [TestServer.Request] { server.requests.filter { $0.path.hasSuffix("/model.safetensors") } }
}

/// A folder that is removed with its last user.
final class Scratch {
    let path = NSTemporaryDirectory() + "tala-hub-\(UUID().uuidString)"
    init() throws { try DurableFiles.makeFolder(path, isNew: true) }
    deinit { FolderListing.delete(path) }
    var target: String { path + "/model" }
    var hidden: [String] { ((try? FolderListing.names(in: path)) ?? []).filter { $0.hasPrefix(".") } }
}

/// Waits that a client was told to make, without making them.
final class Waits: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [Double] = []
    var seconds: [Double] { lock.withLock { all } }
    func add(_ seconds: Double) { lock.withLock { all.append(seconds) } }
}

extension HubClient {
    /// A client of a server of tests.
    static func of(_ server: TestServer, token: String? = nil, waits: Waits = Waits()) throws -> HubClient {
        let variables = ["HF_ENDPOINT": server.address, "HF_TOKEN": token].compactMapValues { $0 }
        return HubClient(try HubEndpoint { variables[$0] }) { waits.add($0) }
    }
}
