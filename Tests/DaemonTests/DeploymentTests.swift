import Glibc
import JSON
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

@Suite struct DeploymentTests {
    private static let worker = "mkdir -p $job/result/adapter; state succeeded; exit 0"

    private static func accepted(_ name: String, _ spool: TestSpool) throws -> JSONNode {
        try JSONParser().parse(DurableFiles.read(DeploymentFiles(spool.layout).accepted + "/\(name).json"))
    }

    @Test func aJobThatIsDeployedIsNotDeletedWhoeverAsks() throws {
        let spool = try TestSpool(worker: Self.worker)
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        let id = try #require(spool.ids.first)
        let files = DeploymentFiles(spool.layout)
        try DurableFiles.replace(files.file("support"), with: "model: \(id)\n")
        // Not only a file that is accepted: one with a slip in it still names the job.
        try DurableFiles.replace(files.file("slip"), with: "modle: \(id)\n")
        #expect(files.names(using: id) == ["slip", "support"])
        // What judges for another model is needed, too.
        try DurableFiles.replace(files.file("judged"), with: "model: m\nfilter: {model: \(id)}\n")
        #expect(files.names(using: id) == ["judged", "slip", "support"])
        try DurableFiles.remove(files.file("judged"))
        try spool.ask("delete", id)
        #expect(try spool.run { try FolderListing.names(in: spool.layout.control).isEmpty })
        #expect(spool.ids == [id])
        #expect(spool.events(id).contains("slip, support in deployments/ serves its result"))
        try DurableFiles.remove(files.file("support"))
        try DurableFiles.remove(files.file("slip"))
        try spool.ask("delete", id)
        #expect(try spool.run { spool.ids.isEmpty })
    }

    @Test func aDeploymentIsAcceptedWithItsDefaultsOrSaysWhatIsWrong() throws {
        let spool = try TestSpool(worker: Self.worker)
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        let id = try #require(spool.ids.first)
        let files = DeploymentFiles(spool.layout)
        for (name, text) in [
            ("tuned", "model: \(id)\nslots: 3\ncache: {memory: 64MiB, type: float16}\ndefaults: {temperature: 0.5}\n"),
            ("base", "model: m\n"),
            ("typo", "model: m\nslotz: 3\n"), ("missing", "model: nothing\n"), ("outside", "model: ../files\n"),
            ("checkpoint", "model: \(id):step-000120\n"), ("quick", "model: m\nidle: {unload_after: 5s}\n"),
            ("empty", "model: m\nfilter: {mode: block}\n"), ("list", "model: m\nfilter: {block_lists: [none]}\n"),
            ("judged", "model: m\nfilter: {model: nothing, prompt: {hate: much}}\n"),
            ("guarded", "model: m\nidle: {unload_after: 30min}\nfilter: {block_lists: [house], completion: {hate: low}}\n"),
            ("huge", "model: m\ncontext_length: 99999999999\n"),
        ] { try DurableFiles.replace(files.file(name), with: text) }
        try DurableFiles.replace(files.folder + "/.hidden.yaml", with: "model: m\n")
        try DurableFiles.replace(spool.layout.filters + "/house.txt", with: "a\n")
        #expect(try spool.run { try FolderListing.names(in: files.accepted).count >= 12 })
        let guarded = try Self.accepted("guarded", spool)
        #expect(guarded["settings"]?["unload_after"]?.integer == 1800 && guarded["settings"]?["filter"]?["mode"]?.string == "block")
        #expect(guarded["settings"]?["filter"]?["completion"]?["hate"]?.string == "low")
        let tuned = try Self.accepted("tuned", spool)
        #expect(tuned["state"]?.string == "accepted" && tuned["settings"]?["slots"]?.integer == 3)
        #expect(tuned["settings"]?["cache_memory"]?.integer == 64 << 20 && tuned["settings"]?["context_length"]?.integer == 2048)
        #expect(tuned["place"]?["base"]?.string == spool.layout.models + "/m" && tuned["place"]?["job"]?.string == id)
        #expect(tuned["place"]?["adapter"]?.string == spool.layout.job(id).result + "/adapter")
        #expect(try Self.accepted("base", spool)["place"]?["adapter"] == nil)
        for (name, word) in [
            ("typo", "slots"), ("missing", "there is no model"), ("outside", "neither a job nor a name"), ("checkpoint", "no checkpoint"),
            ("huge", "out of range"), ("quick", "10 s at least"), ("empty", "has nothing to go by"), ("list", "there is no list"),
            ("judged", "must be low, medium, high or off"),
        ] {
            let node = try Self.accepted(name, spool)
            #expect(node["state"]?.string == "failed" && node["error"]?["message"]?.string?.contains(word) == true, "\(name): \(node)")
        }
        // What is not there any more is not accepted any more.
        try DurableFiles.remove(files.file("base"))
        try DurableFiles.replace(files.paused + "/base", with: "")
        #expect(try spool.run { !FolderListing.exists(files.accepted + "/base.json") && !FolderListing.exists(files.paused + "/base") })
    }

    /// Rows of added tokens are the job's own: with the base its adapter is none.
    @Test func aJobThatAddsTokensIsServedAsItsMergedModel() throws {
        let spool = try TestSpool(
            worker: "mkdir -p $job/result/adapter $job/result/merged; echo '{}' > $job/result/merged/config.json; state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "add_tokens: [<x>]\n")
        #expect(try spool.drain() == 0)
        let id = try #require(spool.ids.first)
        try DurableFiles.replace(DeploymentFiles(spool.layout).file("grown"), with: "model: \(id)\n")
        #expect(try spool.run { (try? Self.accepted("grown", spool)) != nil })
        let found = try Self.accepted("grown", spool)
        #expect(found["place"]?["base"]?.string == spool.layout.job(id).result + "/merged" && found["place"]?["adapter"] == nil, "\(found)")
    }

    @Test(.enabled(if: getuid() == 0, "only root may change owners")) func onlyWhoMayDeployDeploys() throws {
        let spool = try TestSpool(worker: Self.worker)
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(
            path, with: "roles: {operator: {rights: [deploy]}}\nusers: {4242: developer, 4243: operator}\n")
        let files = DeploymentFiles(spool.layout)
        for (name, owner) in [("a", 4242), ("b", 4243)] as [(String, UInt32)] {
            try DurableFiles.replace(files.file(name), with: "model: m\n")
            chown(files.file(name), owner, owner)
        }
        #expect(try spool.run({ $0.policyFile = path }) { try FolderListing.names(in: files.accepted).count == 2 })
        #expect(try Self.accepted("a", spool)["error"]?["code"]?.string == "not_allowed")
        #expect(try Self.accepted("b", spool)["state"]?.string == "accepted")
    }

    /// Whatever lies in the folder: the daemon goes on, says what is wrong, and tells nothing of
    /// files elsewhere.
    @Test func hostileFilesAreRefusedAndTheDaemonGoesOn() throws {
        let spool = try TestSpool(worker: Self.worker)
        defer { spool.remove() }
        try spool.drop("a.yaml")
        #expect(try spool.drain() == 0)
        let files = DeploymentFiles(spool.layout)
        let aliases = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]" }.joined(separator: "\n")
        let hostile: [(name: String, bytes: [UInt8])] = [
            ("bomb", Array("a0: &a0 [x, x]\n\(aliases)\nmodel: m\n".utf8)), ("merge", Array("<<: &a {<<: *a}\nmodel: m\n".utf8)),
            ("large", Array(repeating: 0x61, count: 3 << 20)), ("deep", Array(repeating: UInt8(ascii: "["), count: 100_000)),
            ("deeper", Array("model: m\ndefaults: ".utf8) + Array(String(repeating: "{a: ", count: 50_000).utf8)),
            ("bytes", [0x6D, 0xFF, 0xFE, 0x00, 0x3A, 0x20, 0x6D]), ("zero", [0, 0, 0]), ("nothing", []),
            ("documents", Array("model: m\n---\nmodel: n\n".utf8)), ("tag", Array("!!python/object/apply:os.system [id]\n".utf8)),
            ("twice", Array("model: m\nmodel: n\n".utf8)), ("path", Array("model: /etc/passwd\n".utf8)),
            ("up", Array("model: m\nfilter: {block_lists: [../../../etc/passwd]}\n".utf8)),
            ("number", Array("model: m\nslots: 1\(String(repeating: "0", count: 10_000))\n".utf8)),
        ]
        for (name, bytes) in hostile { try bytes.withUnsafeBytes { try DurableFiles.replace(files.file(name), with: $0) } }
        #expect(mkfifo(files.file("pipe"), 0o666) == 0)
        #expect(mkdir(files.file("folder"), 0o777) == 0)
        #expect(symlink("/etc/passwd", files.file("link")) == 0)
        #expect(symlink(files.file("loop"), files.file("loop")) == 0)
        try DurableFiles.replace(files.file("good"), with: "model: m\n")
        let names = hostile.map(\.name) + ["pipe", "folder", "link", "loop"]
        #expect(try spool.run { names.allSatisfy { (try? Self.accepted($0, spool)) != nil } && (try? Self.accepted("good", spool)) != nil })
        #expect(try Self.accepted("good", spool)["state"]?.string == "accepted")
        for name in names {
            let found = try Self.accepted(name, spool)
            #expect(found["state"]?.string == "failed", "\(name): \(JSONWriter().string(found).prefix(300))")
            #expect(JSONWriter().string(found).utf8.count < 4_096 && !JSONWriter().string(found).contains("root:"), "\(name)")
        }
    }

    @Test func namesOfDeploymentsLeadNowhere() {
        for name in ["a", "support-2", "A.b_c", String(repeating: "x", count: 64)] { #expect(Deployment.isName(name)) }
        for name in ["", ".", "..", ".a", "-a", "a/b", "a b", "a\n", "ä", "ftjob-x", String(repeating: "x", count: 65)] {
            #expect(!Deployment.isName(name), "\(name.debugDescription)")
        }
    }
}
