import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing

@testable import Daemon

/// What one user tries with what belongs to another: to read a job, to control it, to use its
/// results and states, to train on data that this user may not read. Each is refused, said in an
/// event or a rejection, and tells nothing of the content.
@Suite(.serialized, .enabled(if: isRoot, "only root may change owners")) struct ForeignUserTests {
    private static let owner: UInt32 = 4242
    private static let policy = "users: {4242: developer, 4243: developer, 4244: viewer, 4246: admin}\n"
    /// A second developer, a viewer, and a user without a role.
    private static let strangers: [UInt32] = [4243, 4244, 9999]
    private static let secret = "TOP SECRET"

    private func spool(_ worker: String) throws -> (TestSpool, policy: String) {
        let spool = try TestSpool(worker: worker)
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: Self.policy)
        return (spool, path)
    }

    /// Runs a command as a user without groups, and says whether it succeeded and what it wrote.
    private func run(as user: UInt32, _ command: [String]) throws -> (isDone: Bool, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
        process.arguments = ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups"] + command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus == 0, output)
    }

    @Test func aJobIsNeitherReadNorChangedByOthers() throws {
        let (spool, policy) = try spool(
            """
            for folder in checkpoints result; do mkdir -p $job/$folder; echo "\(Self.secret)" >$job/$folder/part; done
            echo "\(Self.secret)" >$job/metrics.csv; state succeeded; exit 0
            """)
        defer { spool.remove() }
        try spool.drop("a.yaml", owner: Self.owner)
        try spool.drop("bad.yaml", "model: [\(Self.secret)", owner: Self.owner)
        #expect(try spool.drain { $0.policyFile = policy } == 1)
        let job = spool.layout.job(try #require(spool.ids.first))
        let files = [
            job.path + "/status.json", job.path + "/manifest.json", job.path + "/job.json", job.eventsFile, job.metricsFile,
            job.checkpoints + "/part",
            job.result + "/part", job.path + "/validation.json", spool.layout.rejected + "/bad.yaml/error.json",
        ]
        var cases = 0
        for file in files {
            #expect(try run(as: Self.owner, ["cat", file]).isDone, "\(file): not for its owner")
            for stranger in Self.strangers {
                let (isDone, output) = try run(as: stranger, ["cat", file])
                #expect(!isDone && output.isEmpty, "\(file): read by \(stranger)")
                cases += 1
            }
        }
        for stranger in Self.strangers {
            for command in [
                ["ls", job.path], ["sh", "-c", "echo x >>\(job.statusFile)"], ["rm", "-f", job.statusFile],
                ["mv", job.path, job.path + "x"],
                ["mkdir", job.path + "/checkpoints/step-00000009"], ["sh", "-c", "echo x >\(job.controls)/cancel"],
            ] {
                let (isDone, output) = try run(as: stranger, command)
                #expect(!isDone && output.isEmpty, "\(command): by \(stranger)")
                cases += 1
            }
        }
        #expect(job.status()?.state == .succeeded)
        Extent.report("attempts of others to read or change a job", cases)
    }

    @Test func aJobIsNotControlledByOthers() throws {
        let (spool, policy) = try spool("state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n", owner: Self.owner)
        #expect(try spool.run({ $0.policyFile = policy }) { spool.jobs.first?.state == .queued })
        let id = try #require(spool.ids.first)
        var cases = 0
        for stranger in Self.strangers {
            for verb in ["cancel", "pause", "resume", "checkpoint", "delete"] {
                try spool.ask(verb, id, owner: stranger)
                #expect(try spool.run({ $0.policyFile = policy }) { try FolderListing.names(in: spool.layout.control).isEmpty })
                #expect(spool.jobs.first?.state == .queued && spool.ids == [id], "\(verb) by \(stranger)")
                #expect(spool.events(id).contains("User \(stranger) asked to \(verb) this job and may not"))
                cases += 1
            }
        }
        // An admin may, and a job that is not there is no error.
        try spool.ask("cancel", "ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa", owner: 4243)
        try spool.ask("cancel", id, owner: 4246)
        #expect(try spool.run({ $0.policyFile = policy }) { spool.jobs.first?.state == .cancelled })
        Extent.report("attempts of others to control a job", cases)
    }

    @Test func resultsAndStatesOfOthersAreNotUsed() throws {
        let (spool, policy) = try spool(
            "mkdir -p $job/result/merged $job/result/adapter; touch $job/result/merged/config.json; state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", owner: Self.owner)
        try spool.drop("b.yaml", "model: m\ntraining_file: t.jsonl\nafter: [ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa]\n", owner: Self.owner)
        #expect(try spool.drain { $0.policyFile = policy } == 1)
        let id = try #require(spool.ids.first)
        let uses = [
            "model": "model: \(id)\ntraining_file: t.jsonl\n",
            "adapter": TestSpool.manifest + "adapter: {init_from: \(id)/result/adapter}\n",
            "path": TestSpool.manifest + "adapter: {init_from: \(spool.layout.jobs)/\(id)/result/adapter}\n",
            "folder": "model: \(spool.layout.jobs)/\(id)/result/merged\ntraining_file: t.jsonl\n",
            "after": TestSpool.manifest + "after: [\(id)]\n",
            "data": "model: m\ntraining_file: \(spool.layout.jobs)/\(id)/manifest.json\n",
        ]
        var cases = 0
        for (name, manifest) in uses {
            try spool.drop("\(name).yaml", manifest, owner: 4243)
            cases += 1
        }
        #expect(try spool.drain { $0.policyFile = policy } == 1)
        for name in uses.keys {
            let error = try #require(try? spool.rejection("\(name).yaml"), "\(name): not rejected")
            #expect(error["code"]?.string == "not_found" || error["code"]?.string == "not_allowed", "\(name): \(error)")
            #expect(spool.job(droppedAs: "\(name).yaml") == nil)
        }
        // What is not a job at all is answered as what is not one's own.
        let (foreign, missing) = (try spool.rejection("after.yaml"), try spool.rejection("b.yaml"))
        let words = { (error: JSONNode, id: String) in error["message"]?.string?.replacingOccurrences(of: id, with: "X") }
        #expect(words(foreign, id) == words(missing, "ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa"))
        // Its owner and an admin may.
        try spool.drop("own-after.yaml", uses["after"] ?? "", owner: Self.owner)
        try spool.drop("admin-after.yaml", uses["after"] ?? "", owner: 4246)
        try spool.drop("own-model.yaml", uses["model"] ?? "", owner: Self.owner)
        try spool.drop("own-adapter.yaml", uses["adapter"] ?? "", owner: Self.owner)
        _ = try spool.drain { $0.policyFile = policy }
        for name in ["own-after", "admin-after", "own-model", "own-adapter"] {
            #expect(spool.job(droppedAs: "\(name).yaml") != nil, "\(name)")
        }
        Extent.report("attempts to use what belongs to another's job", cases)
    }

    @Test func dataThatTheSubmitterMayNotReadIsNotFound() throws {
        let (spool, policy) = try spool("state succeeded; exit 0")
        defer { spool.remove() }
        let root = spool.layout.root + "/roots"
        mkdir(root, 0o755)
        func file(_ name: String, mode: mode_t, folderMode: mode_t? = nil) throws {
            if let folderMode { mkdir(root + "/" + DurableFiles.split(name).folder, folderMode) }
            try DurableFiles.replace(root + "/" + name, with: Self.secret + "\n", mode: 0o600)
            chmod(root + "/" + name, mode)
        }
        try file("secret.jsonl", mode: 0o600)
        try file("closed/readable.jsonl", mode: 0o644, folderMode: 0o700)
        try file("group.jsonl", mode: 0o640)
        symlink(root + "/secret.jsonl", root + "/link.jsonl")
        symlink("/etc/shadow", root + "/shadow.jsonl")
        symlink("/proc/1/environ", root + "/environment.jsonl")
        symlink(root + "/closed", root + "/open")
        mkfifo(root + "/pipe.jsonl", 0o644)
        var names = [
            "secret.jsonl", "closed/readable.jsonl", "group.jsonl", "link.jsonl", "shadow.jsonl", "environment.jsonl",
            "open/readable.jsonl", "pipe.jsonl",
        ]
        names += ["../policy.yaml", "closed/../secret.jsonl"]
        var drops: [String] = []
        for (index, name) in names.enumerated() {
            for (kind, field) in ["training_file", "validation_file"].enumerated() {
                let drop = "d\(index)-\(kind).yaml"
                let text = kind == 0 ? "model: m\ntraining_file: \(root)/\(name)\n" : TestSpool.manifest + "\(field): \(root)/\(name)\n"
                try spool.drop(drop, text, owner: 4243)
                drops.append(drop)
            }
        }
        // Within a bundle of one's own a link reaches out as little.
        for (name, target) in [("bundle-link", root + "/secret.jsonl"), ("bundle-up", "../../roots/secret.jsonl"), ("bundle-hard", "")] {
            let folder = spool.layout.root + "/.\(name)"
            mkdir(folder, 0o755)
            try DurableFiles.replace(folder + "/manifest.yaml", with: "model: m\ntraining_file: data.jsonl\n")
            if target.isEmpty { link(root + "/secret.jsonl", folder + "/data.jsonl") } else { symlink(target, folder + "/data.jsonl") }
            for path in [folder, folder + "/manifest.yaml"] { chown(path, 4243, 4243) }
            rename(folder, spool.layout.incoming + "/" + name)
            drops.append(name)
        }
        _ = try spool.drain {
            $0.policyFile = policy
            $0.allowedRoots = [root]
        }
        #expect(spool.ids.isEmpty, "\(spool.ids.compactMap { try? spool.layout.job($0).acceptance().drop })")
        for drop in drops {
            let error = try #require(try? spool.rejection(drop), "\(drop): not rejected")
            #expect(
                error["param"]?.string?.hasSuffix("_file") == true && !JSONWriter().string(error).contains("SECRET"), "\(drop): \(error)")
        }
        Extent.report("attempts to train on data that the submitter may not read", drops.count)
    }
}
