import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing

@testable import Daemon

/// A manifest that describes several jobs, as the daemon takes it.
@Suite(.serialized) struct SweepAcceptanceTests {
    static let manifest = "model: m\ntraining_file: own.jsonl\npriority: 3\nsweep: {rank: [4, 8], seed: [1, 2]}\n"

    /// Validation looks for the data where the job says that it lies.
    static let looksForData = """
        data=$(sed -n 's/.*"path": "\\(.*own.jsonl\\)".*/\\1/p' $job/job.json | head -n 1)
        [ -f "$data" ] || { state failed; exit 1; }
        printf '{}' >$job/validation.json; state queued; exit 0
        """

    /// A spool with a sweep and its data in one folder dropped into it.
    static func spool() throws -> TestSpool {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n", validate: looksForData)
        let bundle = spool.layout.root + "/.bundle"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try DurableFiles.replace(bundle + "/manifest.yaml", with: manifest)
        try DurableFiles.replace(bundle + "/own.jsonl", with: "{}\n")
        try FileManager.default.moveItem(atPath: bundle, toPath: spool.layout.incoming + "/bundle")
        return spool
    }

    static func isDone(_ spool: TestSpool) -> Bool { spool.jobs.count == 4 && spool.jobs.allSatisfy { $0.state == .succeeded } }

    static func check(_ spool: TestSpool, _ place: String) throws {
        let jobs = spool.jobs
        #expect(jobs.map(\.state) == Array(repeating: .succeeded, count: 4), "\(place): \(jobs.map { spool.events($0.id) })")
        #expect(Set(jobs.compactMap { $0.sweep?.group }).count == 1 && jobs.compactMap { $0.sweep?.index } == [1, 2, 3, 4], "\(place)")
        let (incoming, names) = (try FolderListing.names(in: spool.layout.incoming), try FolderListing.names(in: spool.layout.jobs))
        #expect(incoming.isEmpty && names.allSatisfy { !$0.hasPrefix(".") }, "\(place): \(incoming) \(names)")
    }

    @Test func aSweepIsAGroupOfJobsWithTheDataThatWasDroppedForAll() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        #expect(try spool.drain() == 0)
        try Self.check(spool, "undisturbed")
        let jobs = spool.jobs
        #expect(jobs.allSatisfy { $0.sweep?.count == 4 && $0.priority == 3 && $0.sweep?.group == "sweep-" + jobs[0].id.dropFirst(6) })
        let values = jobs.map { JSONWriter().string(JSONNode($0.sweep?.values ?? [])) }
        #expect(values == ["{\"rank\":4,\"seed\":1}", "{\"rank\":4,\"seed\":2}", "{\"rank\":8,\"seed\":1}", "{\"rank\":8,\"seed\":2}"])
        // Each job's manifest is its own, and can be submitted alone.
        let own = try jobs.map { try spool.layout.job($0.id).manifest() }
        #expect(
            own.map { $0.adapter.lora?.rank } == [4, 4, 8, 8] && own.map(\.seed) == [1, 2, 1, 2] && own.allSatisfy { $0.sweep == nil })
        // What is lost of a status is made anew with the job's place in the sweep.
        try DurableFiles.remove(spool.layout.job(jobs[1].id).statusFile)
        #expect(try spool.layout.job(jobs[1].id).readStatus()?.sweep == jobs[1].sweep)
    }

    @Test(arguments: [
        ("sweep: {rank: [4, 100000]}", "adapter.rank"), ("sweep: {training_file: [t.jsonl, missing.jsonl]}", "training_file"),
        ("sweep: {device: [cpu, vulkan]}", "device"), ("after: [ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa]\nsweep: {rank: [4, 8]}", "after"),
    ])
    func aSweepWithAJobThatCannotBeIsRefusedAsAWhole(text: String, param: String) throws {
        let spool = try TestSpool(worker: "state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + text + "\n")
        #expect(try spool.drain() == 1)
        #expect(try spool.ids.isEmpty && spool.rejection("a.yaml")["param"]?.string == param)
        #expect(try FolderListing.names(in: spool.layout.jobs).isEmpty)
    }

    @Test func allJobsOfASweepComeAfterWhatItComesAfter() throws {
        let spool = try TestSpool(worker: "echo $job >>$job/../../log; state succeeded\nexit 0\n")
        defer { spool.remove() }
        try spool.drop("a.yaml", TestSpool.manifest + "not_before: \(time(nil) + 2)\n")
        #expect(try spool.run(until: { spool.jobs.first?.state == .queued }))
        let first = try #require(spool.ids.first)
        try spool.drop("b.yaml", TestSpool.manifest + "after: [\(first)]\npriority: 9\nsweep: {rank: [4, 8]}\n")
        #expect(try spool.run(until: { spool.jobs.count == 3 && spool.jobs.allSatisfy { $0.state == .succeeded } }))
        #expect(spool.log.first?.hasSuffix(first) == true && spool.log.count == 3)
    }

    @Test func aQuotaCountsTheJobsOfASweep() {
        var quotas = Policy.Quotas()
        quotas.queuedJobs = 5
        func excess(_ queued: Int, _ count: Int) -> String? {
            let use = Quotas.Use(queuedJobs: queued, month: Usage.Amount(), diskBytes: 0)
            return Quotas.excess(use, quotas, role: "r", jobCount: count)?.message
        }
        #expect(excess(1, 4) == nil && excess(4, 1) == nil && excess(5, 1) != nil)
        #expect(excess(2, 4)?.contains("2 used, 4 needed by the sweep, 5 allowed") == true)
    }

    @Test func aDaemonThatEndsAtAnyOperationAcceptsAllJobsOfASweepOrNone() throws {
        let counted = try Self.spool()
        let counting = FaultyFileSystem(Fault(.error(EIO), at: .max, kinds: Fault.changes))
        _ = CurrentFileSystem.$override.withValue(counting) { try? counted.run(until: { counted.ids.count == 4 }) }
        counted.remove()
        let places = Extent.places(upTo: counting.count, about: 10)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.freeze, at: number))
            _ = CurrentFileSystem.$override.withValue(faulty) { try? spool.run(until: { faulty.hasStruck || Self.isDone(spool) }) }
            #expect(try DaemonCrashTests.drain(spool) == 0, "ended at \(number), \(faulty.struck)")
            try Self.check(spool, "ended at \(number), \(faulty.struck)")
        }
        Extent.report("exits of a daemon that takes a sweep", places.count)
    }

    /// Nobody starts the daemon again for one operation that failed.
    @Test func aDaemonThatFailsOnceAcceptsASweepByItself() throws {
        let counted = try Self.spool()
        let counting = FaultyFileSystem(Fault(.error(EIO), at: .max, kinds: Fault.changes))
        _ = CurrentFileSystem.$override.withValue(counting) { try? counted.run(until: { counted.ids.count == 4 }) }
        counted.remove()
        let places = Extent.places(upTo: counting.count, about: 6)
        for number in places {
            let spool = try Self.spool()
            defer { spool.remove() }
            let faulty = FaultyFileSystem(Fault(.error(EIO), at: number, kinds: Fault.changes))
            let done =
                (try? CurrentFileSystem.$override.withValue(faulty) {
                    try spool.run(until: { Self.isDone(spool) })
                }) ?? false
            #expect(done, "failed at \(number), \(faulty.struck)")
            #expect(try DaemonCrashTests.drain(spool) == 0)
            try Self.check(spool, "failed at \(number), \(faulty.struck)")
        }
        Extent.report("single faults of a daemon that takes a sweep", places.count)
    }
}
