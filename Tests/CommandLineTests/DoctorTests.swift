import Foundation
import JSON
import Spool
import Storage
import TestSupport
import Testing

@testable import CommandLineTools

@Suite struct DoctorTests {
    private static func check(_ name: String, _ spool: CommandSpool, policy: String = "/no/such/policy.yaml") -> HealthCheck? {
        SpoolHealth(spool.layout, policyFile: policy).checks().first { $0.name == name }
    }

    @Test func eachThingThatIsWrongWithASpoolIsSaidWithARemedy() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        #expect(Self.check("spool", spool)?.verdict == .fine)
        #expect(Self.check("policy", spool)?.verdict == .fine)
        #expect(Self.check("models", spool)?.verdict == .warning)
        let missing = try #require(Self.check("daemon", spool))
        #expect(missing.verdict == .failure && missing.remedy?.contains("talad --spool \(spool.layout.root)") == true)
        let daemon = try spool.daemon()
        #expect(Self.check("daemon", spool)?.verdict == .warning)
        try DurableFiles.replace(
            spool.layout.daemonFile,
            with: #"{"version": "0.1.0", "heartbeat": \#(time(nil)), "devices": [{"device": "cpu", "job": null}]}"#)
        let alive = try #require(Self.check("daemon", spool))
        #expect(alive.verdict == .fine && alive.finding.contains("cpu"))
        let other = SpoolHealth(spool.layout, policyFile: "/no/such/policy.yaml", version: "9.0.0").checks().first { $0.name == "daemon" }
        #expect(other?.verdict == .warning && other?.finding == "has the version 0.1.0, this program 9.0.0")
        withExtendedLifetime(daemon) {}

        let policy = spool.layout.root + "/policy.yaml"
        try DurableFiles.replace(policy, with: "roles: {x: {quotas: {queued: 1}}}")
        let wrong = try #require(Self.check("policy", spool, policy: policy))
        #expect(wrong.verdict == .failure && wrong.finding.contains("queued"))
    }

    @Test func aFolderThatIsNotASpoolFails() throws {
        let spool = try CommandSpool()
        spool.remove()
        #expect(Self.check("spool", spool)?.verdict == .failure)
    }

    /// The way to a folder is walked with the rights of the daemon's user, whoever asks.
    @Test func whatKeepsTheDaemonFromAFolderIsNamedWithItsMode() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let user = ServiceUser(id: 54_321, groups: [54_322], name: "service")
        let folder = spool.layout.models + "/closed/model"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for path in [spool.layout.root, spool.layout.models, folder] { chmod(path, 0o755) }
        let closed = spool.layout.models + "/closed"
        chmod(closed, 0o700)
        let found = try #require(user.obstacle(to: folder, [.read, .pass]))
        let real = try #require(realpath(closed, nil).map { String(cString: $0) })
        #expect(found.hasPrefix("service may not enter \(real) (mode 700, "), "\(found)")
        chmod(closed, 0o711)
        #expect(user.obstacle(to: folder, [.read, .pass]) == nil)
        #expect(user.obstacle(to: folder, [.read, .write])?.contains("may not write into") == true)
        #expect(user.obstacle(to: folder + "/nothing", .read)?.hasSuffix("No such file or directory") == true)
        let check = try #require(ServiceHealth(spool.layout, user: user).checks().first { $0.name == "service models" })
        #expect(check.verdict == .warning && check.finding.contains("may not read"), "\(check)")
        // With the group's bits for a member of the group, not for others.
        chown(closed, uid_t.max, 54_322)
        chmod(closed, 0o701)
        let excluded = user.obstacle(to: folder, .read)
        if geteuid() == 0 { #expect(excluded?.contains("may not enter") == true, "\(excluded ?? "nothing")") }
    }

    @Test func aFolderOfTheSpoolThatTheDaemonMayNotUseKeepsJobsFromRunning() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let own = try #require(ServiceUser(of: spool.layout))
        #expect(ServiceHealth(spool.layout, user: own).checks().first { $0.name == "service user" }?.verdict == .fine)
        let other = ServiceUser(id: 54_321, groups: [], name: "service")
        let check = try #require(ServiceHealth(spool.layout, user: other).checks().first { $0.name == "service user" })
        #expect(check.verdict == .failure && check.finding.contains("service may not"), "\(check)")
    }

    @Test func everyCheckOfTheSystemFindsSomething() {
        for check in SystemHealth.checks() + DriverHealth.checks() {
            #expect(!check.finding.isEmpty)
            #expect(check.verdict == .fine || check.remedy != nil || check.name == "processor", "\(check)")
        }
    }

    @Test func theExitCodeSaysWhetherAJobCanRun() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let failed = try spool.tala(["doctor", "--quick", "--json"])
        let node = try JSONParser().parse(Array(failed.output.utf8))
        #expect(failed.status == 1 && node["can_run"]?.bool == false, "\(failed)")
        let daemon = try spool.daemon()
        let report = spool.layout.root + "/report.json"
        let outcome = try spool.tala(["doctor", "--quick", "--report", report])
        #expect(outcome.status == 0 && outcome.output.contains("a job can run here"), "\(outcome)")
        let text = String(decoding: try DurableFiles.read(report), as: UTF8.self)
        #expect(text.contains("\"Landlock\"") && !text.contains(spool.layout.root))
        withExtendedLifetime(daemon) {}
    }
}
