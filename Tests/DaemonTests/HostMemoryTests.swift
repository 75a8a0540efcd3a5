import Foundation
import JSON
import Jobs
import Spool
import Storage
import Testing

@testable import Daemon

/// Jobs beside each other on several devices share the host's memory.
@Suite(.serialized) struct HostMemoryTests {
    private let memory = HostMemory(totalBytes: 10 << 30)

    @Test func aJobBeginsIfItsPlanLeavesTheOthersTheirMemory() {
        #expect(memory.objection(to: 4 << 30, beside: [5 << 30]) == nil)
        #expect(memory.objection(to: 4 << 30, beside: [3 << 30, 3 << 30])?.contains("4096 MiB") == true)
        // Alone it may try, and what nobody knows keeps nobody waiting.
        #expect(memory.objection(to: 99 << 30, beside: []) == nil)
        #expect(memory.objection(to: nil, beside: [9 << 30]) == nil && memory.objection(to: 9 << 30, beside: [nil]) == nil)
        #expect(HostMemory(totalBytes: nil).objection(to: .max, beside: [.max]) == nil)
    }

    @Test func theMachinesMemoryIsKnown() throws {
        #expect(try #require(HostMemory().totalBytes) > 64 << 20)
    }

    @Test func severalProcessesOfAHostHoldTheirPartsAndTheFilesOnce() throws {
        let choice = #""micro_batch_tokens": 64, "recomputed_layers": 0, "logits_bytes": 1024, "base_weights": "stored""#
        let text = """
            {\(choice), "program_bytes": 1, "peak_bytes": 1000, "mapped_weight_bytes": 100, "least_processes": 2, "divisions": [
            {"processes": 4, "persistent_bytes": 1, "lane_bytes": 2, "peak_bytes": 400},
            {"processes": 2, "persistent_bytes": 1, "lane_bytes": 3, "peak_bytes": 700}]}
            """
        let plan = try #require(PlanFigures(json: try JSONParser().parse(text)))
        #expect(plan.hostBytes() == 1000 && plan.hostBytes(1, of: 4) == 400 && plan.hostBytes(2, of: 4) == 700)
        #expect(plan.hostBytes(2, of: 2) == 1300 && plan.leastProcesses == 2)
        // What was written is read again.
        #expect(PlanFigures(json: plan.json) == plan)
        var card = plan
        card.programBytes = 0
        #expect(card.hostBytes(2, of: 4) - 2 * card.hostBytes(1, of: 4) == 0 && card.hostBytes(1, of: 4) > 2)
    }

    /// A worker may plan otherwise than validation did, and files are read no more often than need
    /// be.
    @Test func aRunningJobHoldsWhatItsWorkerHasPlanned() throws {
        func figures(_ peak: Int) throws -> PlanFigures {
            let choice = #""micro_batch_tokens": 64, "recomputed_layers": 0, "logits_bytes": 1024, "base_weights": "stored""#
            return try #require(PlanFigures(json: try JSONParser().parse("{\(choice), \"peak_bytes\": \(peak)}")))
        }
        let (validated, planned) = (try figures(1), try figures(2))
        let plans = KnownPlans()
        var (worker, looks): (PlanFigures?, Int) = (nil, 0)
        func plan(isRunning: Bool) -> Int? {
            plans.plan(of: "a", isRunning: isRunning, ofWorker: { worker }) {
                looks += 1
                return validated
            }?.peakBytes
        }
        #expect(plan(isRunning: false) == 1 && plan(isRunning: false) == 1 && plan(isRunning: true) == 1 && looks == 1)
        worker = planned
        #expect(plan(isRunning: true) == 2)
        worker = nil
        #expect(plan(isRunning: true) == 2 && looks == 1)
        plans.keepOnly { $0 != "a" }
        #expect(plan(isRunning: false) == 1 && looks == 2)
    }

    private static func validation(peak: Int, program: Int) -> String {
        let choice = #""micro_batch_tokens": 64, "recomputed_layers": 0, "logits_bytes": 1024, "base_weights": "stored""#
        return #"{"plan": {\#(choice), "program_bytes": \#(program), "peak_bytes": \#(peak)}}"#
    }

    /// The script says when it begins and when it ends.
    private static let worker = """
        echo "begin" >>$job/../../order; sleep 1.5; echo "end" >>$job/../../order; state succeeded; exit 0
        """

    private func order(peak: Int, program: Int) throws -> (lines: [String], spool: TestSpool) {
        let validation = Self.validation(peak: peak, program: program)
        let spool = try TestSpool(worker: Self.worker, validate: "printf '\(validation)' >$job/validation.json; state queued; exit 0")
        try spool.drop("a.yaml", TestSpool.manifest)
        try spool.drop("b.yaml", TestSpool.manifest)
        #expect(try spool.drain { $0.devices = ["vulkan:0", "vulkan:1"] } == 0)
        let text = String(decoding: try DurableFiles.read(spool.layout.root + "/order"), as: UTF8.self)
        return (text.split(separator: "\n").map(String.init), spool)
    }

    @Test func whatDoesNotFitBesideAnotherWaitsForItsEndAndSaysSo() throws {
        let (lines, spool) = try order(peak: 1 << 50, program: 1)
        defer { spool.remove() }
        #expect(lines == ["begin", "end", "begin", "end"])
        let events = try spool.jobs.map { String(decoding: try DurableFiles.read(spool.layout.job($0.id).eventsFile), as: UTF8.self) }
        #expect(events.count { $0.contains("Waiting for memory: it needs ") } == 1)
    }

    /// The job that needs both cards is the second of three: it waits for the first, and the third
    /// does not get before it.
    @Test func aJobThatSeveralDevicesHaveToHoldWaitsForThemAndKeepsTheFreeOne() throws {
        let choice = #""micro_batch_tokens": 64, "recomputed_layers": 0, "logits_bytes": 1024, "base_weights": "stored""#
        let spool = try TestSpool(
            worker: "echo one >>$job/../../order; sleep 1.5; state succeeded; exit 0",
            validate: """
                grep -q '"ranks": 2' $job/manifest.json && least=', "least_processes": 2'
                printf '{"plan": {\(choice)%s}}' "$least" >$job/validation.json; state queued; exit 0
                """)
        defer { spool.remove() }
        let launcher = spool.layout.root + "/tala-rank"
        let worker = try String(decoding: DurableFiles.read(spool.workerPath), as: UTF8.self)
        try DurableFiles.replace(
            launcher, with: worker.replacing("echo one", with: "echo both").replacing("device=$5", with: ""), mode: 0o755)
        chmod(launcher, 0o755)
        try spool.drop("a.yaml", TestSpool.manifest + "priority: 3\n")
        try spool.drop("b.yaml", TestSpool.manifest + "priority: 2\nranks: 2\n")
        try spool.drop("c.yaml", TestSpool.manifest + "priority: 1\n")
        let exit = try spool.drain {
            $0.devices = ["vulkan:0", "vulkan:1"]
            $0.rankProgram = launcher
        }
        let order = String(decoding: try DurableFiles.read(spool.layout.root + "/order"), as: UTF8.self)
        #expect(exit == 0 && order == "one\nboth\none\n", "\(order)")
    }

    @Test func jobsOnDevicesOfTheirOwnRunBesideEachOther() throws {
        // The peak is the device's, not the host's.
        let (lines, spool) = try order(peak: 1 << 50, program: 0)
        defer { spool.remove() }
        #expect(lines == ["begin", "begin", "end", "end"])
    }
}
