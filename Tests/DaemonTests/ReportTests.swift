import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// What the daemon says of itself: daemon.json, the figures for Prometheus, the journal.
@Suite(.serialized) struct ReportTests {
    static func status(_ state: JobState = .running) throws -> JobStatus {
        let manifest = try Manifest(ManifestText(Array(TestSpool.manifest.utf8), isYAML: true))
        return JobStatus(id: "ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa", state: state, createdAt: 5, manifest: manifest)
    }

    /// An idle daemon gives a job to its device before its files are validated. Once the worker
    /// trains, the job counts as running.
    @Test func aJobThatAnIdleDaemonStartsAtOnceCountsWhereItIs() throws {
        var spool = try TestSpool(
            worker: """
                state validating_files; while ! [ -e $job/../../validated ]; do sleep 0.05; done
                printf '{}' >$job/validation.json; state running; touch $job/../../trains
                while ! [ -e $job/../../leave ]; do sleep 0.05; done; state succeeded; exit 0
                """)
        defer { spool.remove() }
        spool.startsAtOnce = true
        let metrics = spool.layout.root + "/tala.prom"
        func states() throws -> JSONNode? { try JSONParser().parse(DurableFiles.read(spool.layout.daemonFile))["states"] }
        func figures() throws -> String { String(decoding: try DurableFiles.read(metrics), as: UTF8.self) }
        try spool.drop("a.yaml")
        let isCounted = try spool.run {
            $0.metricsFile = metrics
        } until: {
            if try states()?["validating_files"]?.integer == 1 { try DurableFiles.replace(spool.layout.root + "/validated", with: "") }
            guard try states()?["running"]?.integer == 1, try figures().contains("tala_jobs{state=\"running\"} 1\n") else { return false }
            #expect(try figures().contains("tala_jobs{state=\"validating_files\"} 0\n"))
            try DurableFiles.replace(spool.layout.root + "/leave", with: "")
            return true
        }
        #expect(isCounted)
    }

    @Test func theFiguresOfARunningJobAreThoseOfItsStatus() throws {
        var status = try Self.status()
        status.progress.step = 3
        status.progress.totalSteps = 12
        status.progress.trainLoss = 1.5
        status.progress.remainingSeconds = 60
        status.progress.tokensPerSecond = 250
        status.checkpointedAt = 77
        status.plan = PlanFigures(
            microBatchTokens: 64, recomputedLayers: 0, logitsBytes: 1, baseWeights: "stored", arenaBytes: 10, persistentBytes: 20,
            mappedWeightBytes: 30, exchangeBytes: 0, deviceBytes: 60, workspaceBytes: 0, programBytes: 0, peakBytes: 60,
            floatingPointOperations: 1, kernelCalls: 1)
        let text = PrometheusFigures(counts: [.running: 1], running: [("cpu", status)], tokens: 9, rejected: 2).text
        let job = "job=\"\(status.id)\""
        for line in [
            "tala_jobs{state=\"running\"} 1", "tala_jobs{state=\"queued\"} 0", "tala_tokens_total 9", "tala_spool_rejected_total 2",
            "tala_job_progress_ratio{\(job),model=\"m\"} 0.25", "tala_job_loss{\(job),split=\"train\"} 1.5",
            "tala_job_eta_seconds{\(job),model=\"m\"} 60.0", "tala_job_tokens_per_second{\(job),model=\"m\"} 250.0",
            "tala_last_checkpoint_timestamp_seconds{\(job),model=\"m\"} 77",
            "tala_device_memory_bytes{device=\"cpu\",kind=\"arena\"} 10", "tala_device_memory_bytes{device=\"cpu\",kind=\"persistent\"} 20",
            "tala_device_memory_bytes{device=\"cpu\",kind=\"mapped\"} 30",
        ] {
            #expect(text.split(separator: "\n").contains { $0 == line }, "\(line) is missing in\n\(text)")
        }
        // Each figure is explained once, and what nothing is known of is left out.
        let names = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(names.count == Set(names).count && !text.contains("split=\"valid\""))
    }

    @Test func theStatusLineSaysWhereTheProcessorStandsIn() throws {
        var status = try Self.status()
        status.progress.step = 3
        status.progress.totalSteps = 12
        var facts = Reporter.Facts()
        facts.running = [("auto", status)]
        #expect(Reporter.line(facts) == "1 running (\(status.id) step 3/12, 25 %, auto), 0 queued")
        status.deviceWarning = "a card cannot be used: no shaders"
        facts.running = [("auto", status)]
        #expect(
            Reporter.line(facts)
                == "1 running (\(status.id) step 3/12, 25 %, auto (WARNING: the processor stands in for a graphics processor)), 0 queued")
    }

    @Test func labelsOfPrometheusAreEscaped() throws {
        var status = try Self.status()
        status.model = "a\"b\\c\nd"
        status.progress.totalSteps = 1
        let text = PrometheusFigures(counts: [:], running: [("cpu", status)], tokens: 0, rejected: 0).text
        #expect(text.contains("model=\"a\\\"b\\\\c\\nd\""))
    }

    @Test func anEntryOfTheJournalHasItsSubjectAsFields() {
        let entry = Journal.entry(
            .warning, "it\ndied", .workerDied, Journal.Subject(job: "ftjob-x", step: 7, user: 1000, device: "vulkan:0"))
        let fields = String(decoding: entry, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(
            fields == [
                "MESSAGE=it\\u{a}died", "PRIORITY=4", "SYSLOG_IDENTIFIER=talad", "MESSAGE_ID=\(Journal.Kind.workerDied.rawValue)",
                "TALA_JOB=ftjob-x", "TALA_STEP=7", "TALA_USER=1000", "TALA_DEVICE=vulkan:0",
            ])
        let worker = String(decoding: Journal.entry(.warning, "x", nil, Journal.Subject(job: "ftjob-x"), "tala-worker"), as: UTF8.self)
        #expect(worker.contains("SYSLOG_IDENTIFIER=tala-worker\n") && worker.contains("TALA_JOB=ftjob-x\n"))
        let least = String(decoding: Journal.entry(.information, "hello", nil, Journal.Subject()), as: UTF8.self)
        #expect(least == "MESSAGE=hello\nPRIORITY=6\nSYSLOG_IDENTIFIER=talad\n")
    }

    @Test func whatAJobUsesIsCountedOnceAndItsStateIsWhatItsWorkerSays() throws {
        var registry = Registry()
        registry.note(try Self.status(.validatingFiles))
        // The worker has not written a word yet: its file still says that it waits.
        var status = try Self.status(.queued)
        registry.noteWork(status)
        #expect(registry.counts[.validatingFiles] == 1 && registry.counts[.queued] ?? 0 == 0)
        status = try Self.status(.running)
        status.usage.add(deviceSeconds: 5, trainedTokensInAll: 100, month: "2026-11")
        for _ in 0..<2 { registry.noteWork(status, diskBytes: 7) }
        #expect(registry.counts[.running] == 1 && registry.counts[.validatingFiles] == 0)
        #expect(registry.trainedTokens == 100 && registry.used(by: 0, month: "2026-11").deviceSeconds == 5)
        #expect(registry.diskBytes(of: 0) == 7)
    }
}
