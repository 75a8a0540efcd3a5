import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// One kind of job: what is trained over which base, and where.
struct ResumeCell: Sendable, CustomTestStringConvertible {
    var lora: Bool
    var dropout: Double
    var base: BaseWeights?
    var device: String
    var optimizer = "adamw"
    /// Of preference tuning.
    var loss: String?
    /// Of distillation.
    var teacherWeights: String?
    /// Done in the full form only.
    var isLong = false

    var testDescription: String {
        "\(lora ? "LoRA" : "full"), dropout \(dropout)\(base.map { ", \($0.rawValue)" } ?? ""), \(optimizer)\(loss.map { ", \($0)" } ?? "")"
            + "\(teacherWeights.map { ", teacher in \($0)" } ?? ""), \(device)"
    }

    /// Those of this run.
    static var wanted: [ResumeCell] { all.filter { Extent.isFull || !$0.isLong } }

    private static let all: [ResumeCell] = [
        ResumeCell(lora: true, dropout: 0, device: "cpu"), ResumeCell(lora: true, dropout: 0.1, device: "cpu"),
        ResumeCell(lora: false, dropout: 0, device: "cpu"),
        ResumeCell(lora: true, dropout: 0.1, base: .nf4, device: "cpu"), ResumeCell(lora: true, dropout: 0.1, device: "vulkan"),
        ResumeCell(lora: true, dropout: 0.1, device: "cpu", loss: "sigmoid"),
        ResumeCell(lora: true, dropout: 0.1, device: "cpu", teacherWeights: "nf4"),
        ResumeCell(lora: true, dropout: 0.1, device: "vulkan", teacherWeights: "stored", isLong: true),
        ResumeCell(lora: true, dropout: 0, base: .q8, device: "cpu", isLong: true),
        ResumeCell(lora: false, dropout: 0, device: "cpu", loss: "sigmoid", isLong: true),
        ResumeCell(lora: true, dropout: 0.1, device: "vulkan", loss: "sigmoid", isLong: true),
        ResumeCell(lora: true, dropout: 0, device: "cpu", optimizer: "adafactor", isLong: true),
        ResumeCell(lora: false, dropout: 0, device: "cpu", optimizer: "muon", isLong: true),
        ResumeCell(lora: true, dropout: 0, device: "cpu", optimizer: "adamw8bit", isLong: true),
        ResumeCell(lora: true, dropout: 0.1, base: .nf4, device: "vulkan", isLong: true),
        ResumeCell(lora: false, dropout: 0, device: "vulkan", isLong: true),
    ]
}

/// Exact resume: a job that is stopped wherever a worker looks whether it should leave — before
/// training, between micro-batches, between steps, in an evaluation, at an epoch's end, in the
/// second epoch, before the result — ends in the bytes of one that was not.
@Suite(.serialized) struct ResumeMatrixTests {
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

    @Test(arguments: ResumeCell.wanted)
    func aJobStoppedAnywhereEndsInTheSameBytes(cell: ResumeCell) throws {
        let device = cell.device
        let job = try CrashJob(
            lora: cell.lora, dropout: cell.dropout, base: cell.base, device: device, optimizer: cell.optimizer, loss: cell.loss,
            teacherWeights: cell.teacherWeights, splitsBatches: true)
        defer { job.remove() }
        let all = Looks(limit: .max)
        #expect(job.run(stop: all.look) == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let wanted = try JobTrace(job.folder)
        // At least once a step and once an evaluation; more where batches are split.
        #expect(wanted.metrics.count == 7 && all.count >= 17, "\(all.count) looks")
        var (evaluations, stops) = (0, 0)
        // A worker looks between the kernels of a pass: a full run tries a hundred or so of these
        // places.
        let places =
            Extent.isFull
            ? Extent.spread(upTo: all.count, count: device == "cpu" ? 120 : 12)
            : Extent.places(upTo: all.count, about: device == "cpu" ? 6 : 1)
        for wantedPlace in places {
            // How often a worker looks depends on which thread takes which block, and on the time
            // that a device takes: a place near the end may not be reached. An earlier one is taken
            // then.
            var limit = wantedPlace
            var outcome = WorkerExit.succeeded
            var place: String { "stopped at look \(limit) of \(all.count), seed \(Extent.seed)" }
            while true {
                try job.reset()
                let looks = Looks(limit: limit)
                outcome = job.run(stop: looks.look)
                if outcome == .stopped || limit < 2 { break }
                #expect(outcome == .succeeded && limit > looks.count - 2, "\(place), \(looks.count) this time: \(outcome)")
                limit /= 2
            }
            #expect(outcome == .stopped, "\(place)")
            stops += outcome == .stopped ? 1 : 0
            if let name = job.folder.checkpointNames.last,
                let state = try? JSONParser().parse(DurableFiles.read(job.folder.checkpoints + "/\(name)/state.json")),
                state["open_row"]?.string != nil
            {
                evaluations += 1
            }
            // The second run is cut short as well, the third goes through.
            let again = Looks(limit: max(3, all.count / 3))
            _ = job.run(stop: again.look)
            #expect(job.finish() == .succeeded, "\(place): \(job.folder.status()?.error?.message ?? "")")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "\(place)")
        }
        #expect(stops > 0)
        if Extent.isFull, device == "cpu" { #expect(evaluations > 1) }
        print("looks of a whole run: \(all.count)")
        Extent.report("stops of a worker (\(cell.testDescription))", stops)
    }

    /// The same manifest gives the same bytes, whatever the number of threads.
    @Test(arguments: [
        ResumeCell(lora: true, dropout: 0.1, device: "cpu"), ResumeCell(lora: false, dropout: 0, device: "cpu"),
        ResumeCell(lora: true, dropout: 0.1, base: .nf4, device: "cpu"),
    ])
    func aJobDoneWithOtherThreadsGivesTheSameBytes(cell: ResumeCell) throws {
        var traces: [JobTrace] = []
        for threads in [nil, nil, 1, 2, 4, 3] as [Int?] {
            let job = try CrashJob(lora: cell.lora, dropout: cell.dropout, base: cell.base, device: cell.device)
            defer { job.remove() }
            threads.map { _ = setenv("TALA_THREADS", "\($0)", 1) }
            defer { unsetenv("TALA_THREADS") }
            #expect(job.run() == .succeeded)
            try traces.append(JobTrace(job.folder))
            #expect(traces[traces.count - 1].differences(from: traces[0]) == "", "\(threads.map { "\($0)" } ?? "all") threads")
        }
        Extent.report("the same job again, with one to four threads", traces.count - 1)
    }
}
