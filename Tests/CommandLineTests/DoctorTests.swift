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
