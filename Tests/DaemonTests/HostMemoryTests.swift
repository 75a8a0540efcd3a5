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

    @Test func jobsOnDevicesOfTheirOwnRunBesideEachOther() throws {
        // The peak is the device's, not the host's.
        let (lines, spool) = try order(peak: 1 << 50, program: 0)
        defer { spool.remove() }
        #expect(lines == ["begin", "begin", "end", "end"])
    }
}
