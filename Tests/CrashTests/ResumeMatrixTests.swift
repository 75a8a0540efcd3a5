import Foundation
import JSON
import Jobs
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// Exact resume: a job that is stopped wherever a worker looks whether it should leave — before training, between micro-batches, between steps, in an
/// evaluation, at an epoch's end, in the second epoch, before the result — ends in the bytes of one that was not.
@Suite(.serialized, .enabled(if: SharedData.isThere)) struct ResumeMatrixTests {
    static let cells: [(lora: Bool, dropout: Double, device: String)] = [
        (true, 0, "cpu"), (true, 0.1, "cpu"), (false, 0, "cpu"), (true, 0.1, "vulkan"), (false, 0, "vulkan"),
    ]

    /// A run that stops at the k-th time it looks.
    final class Looks {
        var count = 0
        let limit: Int
        init(limit: Int) { self.limit = limit }
        func look() -> Bool {
            count += 1
            return count >= limit
        }
    }

    @Test(arguments: Extent.isFull ? cells : cells.dropLast())
    func aJobStoppedAnywhereEndsInTheSameBytes(lora: Bool, dropout: Double, device: String) throws {
        let job = try CrashJob(lora: lora, dropout: dropout, device: device, splitsBatches: true)
        defer { job.remove() }
        let all = Looks(limit: .max)
        #expect(job.run(stop: all.look) == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let wanted = try JobTrace(job.folder)
        // At least once a step and once an evaluation; more where batches are split.
        #expect(wanted.metrics.count == 7 && all.count >= 17, "\(all.count) looks")
        var (evaluations, stops) = (0, 0)
        // A worker looks between the kernels of a pass: a full run tries a hundred or so of these places.
        let places = Extent.isFull ? Extent.spread(upTo: all.count, count: device == "cpu" ? 120 : 12) : Extent.places(upTo: all.count, about: device == "cpu" ? 6 : 1)
        for limit in places {
            try job.reset()
            let looks = Looks(limit: limit)
            let outcome = job.run(stop: looks.look)
            let place = "stopped at look \(limit) of \(all.count), seed \(Extent.seed)"
            #expect(outcome == .stopped || outcome == .succeeded && limit > all.count - 2, "\(place): \(outcome)")
            stops += outcome == .stopped ? 1 : 0
            if let name = job.folder.checkpointNames.last,
                let state = try? JSONParser().parse(DurableFiles.read(job.folder.checkpoints + "/\(name)/state.json")),
                state["open_row"]?.string != nil
            {
                evaluations += 1
            }
            // The second run is cut short as well, the third goes through.
            let again = Looks(limit: max(3, all.count / 3))
            if outcome == .stopped { _ = job.run(stop: again.look) }
            #expect(job.finish() == .succeeded, "\(place): \(job.folder.status()?.error?.message ?? "")")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "\(place)")
        }
        #expect(stops > 0)
        if Extent.isFull, device == "cpu" { #expect(evaluations > 1) }
        print("looks of a whole run: \(all.count)")
        Extent.report("stops of a worker (\(lora ? "LoRA" : "full"), dropout \(dropout), \(device))", stops)
    }

    /// The same manifest gives the same bytes, whatever the number of threads.
    @Test func aJobDoneTwiceGivesTheSameBytes() throws {
        let (first, second) = (try CrashJob(dropout: 0.1), try CrashJob(dropout: 0.1))
        defer {
            first.remove()
            second.remove()
        }
        #expect(first.run() == .succeeded)
        setenv("TALA_THREADS", "1", 1)
        defer { unsetenv("TALA_THREADS") }
        #expect(second.run() == .succeeded)
        #expect(try JobTrace(second.folder).differences(from: JobTrace(first.folder)) == "")
    }
}
