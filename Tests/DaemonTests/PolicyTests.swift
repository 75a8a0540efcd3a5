import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// Tests that make files belong to users other than the one who runs them.
let isRoot = geteuid() == 0

@Suite(.serialized) struct PolicyTests {
    private func policy(_ text: String) throws -> Policy { try Policy(ManifestText(Array(text.utf8), isYAML: true)) }

    @Test func aPolicyNamesRolesUsersGroupsQuotasAndPrices() throws {
        let policy = try policy(
            """
            roles:
              developer: {quotas: {queued_jobs: 20, running_jobs: 1, trained_tokens_a_month: 5000000, device_hours_a_month: 40, disk: 200GiB}}
              operator: {rights: [control_any]}
            users: {alice: admin, 1007: operator}
            groups: {research: developer}
            default: viewer
            prices: {currency: EUR, device_hour: 0.5, million_trained_tokens: 2, devices: {"vulkan:0": 1.5}}
            """)
        let developer = try #require(policy.roles["developer"])
        #expect(developer.rights == [.submit, .controlOwn] && developer.quotas.diskBytes == 200 << 30 && developer.quotas.runningJobs == 1)
        #expect(policy.roles["operator"]?.rights == [.controlAny])
        #expect(policy.users == [.init(name: "alice", role: "admin"), .init(name: "1007", role: "operator")])
        #expect(policy.prices(device: "vulkan:0")?.cost(deviceSeconds: 7200, trainedTokens: 500_000) == 4.0)
        #expect(policy.prices(device: "cpu")?.cost(deviceSeconds: 7200, trainedTokens: 500_000) == 2.0)
    }

    @Test(arguments: [
        ("users: {alice: boss}", "users.alice"), ("roles: {x: {rights: [fly]}}", "roles.x.rights"), ("role: {}", "role"),
        ("roles: {x: {quotas: {queued: 1}}}", "roles.x.quotas.queued"), ("default: nobody", "default"),
        ("prices: {device_hour: -1}", "prices.device_hour"), ("roles: [a]", "roles"),
    ])
    func aPolicyThatIsWrongSaysWhere(text: String, param: String) throws {
        do {
            _ = try policy(text)
            Issue.record("\(text) was taken")
        } catch let error as ManifestError { #expect(error.param == param) }
    }

    @Test func withAPolicyThatCannotBeUsedTheDaemonDoesNotStart() throws {
        let spool = try TestSpool(worker: "exit 0")
        defer { spool.remove() }
        try DurableFiles.replace(spool.layout.root + "/policy.yaml", with: "users: {alice: boss}\n")
        #expect(throws: TalaDaemon.StartError.self) { try spool.drain { $0.policyFile = spool.layout.root + "/policy.yaml" } }
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func aUserWithoutARoleMayNotSubmit() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("stranger.yaml", owner: 4242)
        try spool.drop("own.yaml")
        #expect(try spool.drain() == 1)
        #expect(spool.jobs.count == 1)
        let error = try spool.rejection("stranger.yaml")
        #expect(error["code"]?.string == "not_allowed" && error["message"]?.string?.contains("4242") == true)
        // The group of incoming/, which is the test's own.
        #expect(error["message"]?.string?.hasSuffix("; members of the group root may") == true, "\(error)")
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func overQuotaIsARejectionThatSaysWhichUsedAndAllowed() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(
            path, with: "roles: {developer: {quotas: {queued_jobs: 2}}}\nusers: {4242: developer, 4243: viewer, 4244: developer}\n")
        for index in 0..<3 { try spool.drop("q\(index).yaml", TestSpool.manifest + "not_before: 99999999999\n", owner: 4242) }
        try spool.drop("viewer.yaml", owner: 4243)
        try spool.drop("zother.yaml", owner: 4244)
        let done = try spool.run({ $0.policyFile = path }) {
            spool.jobs.count == 3 && spool.job(droppedAs: "zother.yaml")?.state == .succeeded
                && FileManager.default.fileExists(atPath: spool.layout.rejected + "/viewer.yaml/error.json")
        }
        #expect(done)
        let error = try spool.rejection("q2.yaml")
        #expect(error["code"]?.string == "quota_exceeded")
        #expect(error["message"]?.string == "over quota: queued jobs: 2 used, 2 allowed for the role developer")
        #expect(try spool.rejection("viewer.yaml")["code"]?.string == "not_allowed")
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func tokensOfTheMonthCountFromTheJobsThemselves() throws {
        let spool = try TestSpool(
            worker: "state succeeded; exit 0", validate: "printf '{\"trained_tokens\": 600}' >$job/validation.json; state queued; exit 0")
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: "roles: {developer: {quotas: {trained_tokens_a_month: 1000}}}\nusers: {4242: developer}\n")
        try spool.drop("a.yaml", owner: 4242)
        #expect(try spool.drain { $0.policyFile = path } == 0)
        var status = try #require(spool.jobs.first)
        status.usage.add(deviceSeconds: 10, trainedTokensInAll: 600, month: Usage.month(ofSeconds: time(nil)))
        try spool.layout.job(status.id).write(status)
        // 600 are used, 600 more are too many; and after the job is deleted they are still used.
        try spool.drop("b.yaml", owner: 4242)
        try spool.ask("delete", status.id, owner: 4242)
        #expect(try spool.drain { $0.policyFile = path } == 1)
        let second = try #require(spool.job(droppedAs: "b.yaml"))
        #expect(second.error?.code == .quotaExceeded && second.error?.message.contains("600 used, 600 needed, 1000 allowed") == true)
        #expect(spool.jobs.map(\.id) == [second.id])
        try spool.drop("c.yaml", owner: 4242)
        #expect(try spool.drain { $0.policyFile = path } == 1)
        #expect(spool.job(droppedAs: "c.yaml")?.error?.code == .quotaExceeded)
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func moreRunningJobsThanAllowedWait() throws {
        let spool = try TestSpool(
            worker:
                "if ! mkdir $job/../../busy; then echo two >>$job/../../log; fi; sleep 0.2; rmdir $job/../../busy; state succeeded; exit 0")
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: "roles: {developer: {quotas: {running_jobs: 1}}}\nusers: {4242: developer}\n")
        for index in 0..<3 { try spool.drop("a\(index).yaml", owner: 4242) }
        let code = try spool.drain {
            $0.policyFile = path
            $0.devices = ["cpu", "vulkan:0"]
        }
        #expect(code == 0 && spool.log.isEmpty && spool.jobs.count == 3)
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func onlyTheOwnerAndWhoMayControlAllControlAJob() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: "users: {4242: developer, 4243: developer, 4244: admin, 4245: viewer}\n")
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: 99999999999\n", owner: 4242)
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .queued })
        let id = try #require(spool.ids.first)
        for stranger in [4243, 4245, 9999] as [UInt32] {
            for verb in ["cancel", "pause", "delete"] { try spool.ask(verb, id, owner: stranger) }
            #expect(try spool.run({ $0.policyFile = path }) { try FolderListing.names(in: spool.layout.control).isEmpty })
            #expect(spool.jobs.first?.state == .queued)
        }
        #expect(spool.events(id).contains("User 4243 asked to cancel this job and may not"))
        try spool.ask("pause", id, owner: 4242)
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .paused })
        try spool.ask("cancel", id, owner: 4244)
        #expect(try spool.run({ $0.policyFile = path }) { spool.jobs.first?.state == .cancelled })
        // A hard link to a file of a user who may: not that user's word.
        try spool.ask("delete", id + "x", owner: 4242)
        link(spool.layout.control + "/\(id)x.delete", spool.layout.control + "/\(id).delete")
        #expect(try spool.run({ $0.policyFile = path }) { try FolderListing.names(in: spool.layout.control).isEmpty })
        #expect(spool.jobs.count == 1)
    }

    @Test(.enabled(if: isRoot, "only root may change owners")) func aDatasetThatItsSubmitterCouldNotReadIsNotFoundAndNothingOfItIsTold()
        throws
    {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        let root = spool.layout.root + "/roots"
        let path = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(path, with: "users: {4242: developer}\n")
        mkdir(root, 0o755)
        func file(_ name: String, mode: mode_t, owner: UInt32 = 0, folderMode: mode_t? = nil) throws {
            if let folderMode { mkdir(root + "/" + DurableFiles.split(name).folder, folderMode) }
            try DurableFiles.replace(root + "/" + name, with: "TOP SECRET\n", mode: 0o600)
            chmod(root + "/" + name, mode)
            chown(root + "/" + name, owner, owner)
        }
        try file("public.jsonl", mode: 0o644)
        try file("own.jsonl", mode: 0o600, owner: 4242)
        try file("secret.jsonl", mode: 0o600)
        try file("closed/readable.jsonl", mode: 0o644, folderMode: 0o700)
        symlink(root + "/secret.jsonl", root + "/link.jsonl")
        symlink("/etc/shadow", root + "/shadow.jsonl")
        for name in ["public", "own", "secret", "closed/readable", "link", "shadow", "../policy"] {
            let drop = name.replacingOccurrences(of: "/", with: "-").replacingOccurrences(of: ".", with: "-")
            try spool.drop(drop + ".yaml", "model: m\ntraining_file: \(root)/\(name).jsonl\n", owner: 4242)
        }
        _ = try spool.drain {
            $0.policyFile = path
            $0.allowedRoots = [root]
        }
        #expect(Set(spool.ids.compactMap { try? spool.layout.job($0).acceptance().drop }) == ["public.yaml", "own.yaml"])
        for name in try FolderListing.names(in: spool.layout.rejected) {
            let error = try spool.rejection(name)
            #expect(error["param"]?.string == "training_file" && error["message"]?.string?.contains("SECRET") == false)
        }
        #expect(try FolderListing.names(in: spool.layout.rejected).count == 5)
    }
}
