import Foundation
import Jobs
import Basics
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// A worker that is broken at every one of its file operations, and what the next one makes of it.
@Suite(.serialized) struct WorkerCrashTests {
    static func unbroken(_ job: CrashJob) throws -> JobTrace {
        #expect(job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        let trace = try JobTrace(job.folder)
        #expect(trace.litter.isEmpty && trace.metrics.count == 7)
        return trace
    }

    /// The number of operations that an unbroken run makes of the kinds.
    static func count(_ job: CrashJob, _ kinds: Set<FileOperation.Kind>) throws -> Int {
        try job.reset()
        let counting = FaultyFileSystem(Fault(.error(EIO), at: .max, kinds: kinds))
        #expect(job.run(on: counting) == .succeeded)
        return counting.count
    }

    @Test func aWorkerThatEndsAtAnyOperationIsContinuedToTheSameBytes() throws {
        let job = try CrashJob(keep: 1)
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        let places = Extent.places(upTo: try Self.count(job, Fault.changes), about: 40)
        for number in places {
            try job.reset()
            let faulty = FaultyFileSystem(Fault(.freeze, at: number))
            job.run(on: faulty)
            let place = "ended at \(number), \(faulty.struck), seed \(Extent.seed)"
            #expect(job.folder.status() != nil, "\(place)")
            #expect(job.finish() == .succeeded, "\(place)")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "\(place): \(trace.differences(from: wanted))")
        }
        Extent.report("exits of a worker", places.count)
    }

    @Test func aCancelledJobIsCancelledAndNeverDoneWhereverTheWorkerEnds() throws {
        let job = try CrashJob()
        defer { job.remove() }
        // A job with a checkpoint behind it.
        #expect(job.run(stop: { job.folder.checkpointNames.count > 0 }) == .stopped)
        let half = try FolderSnapshot(job.folder.path)
        func cancelled(_ number: Int) throws -> FaultyFileSystem {
            try half.restore()
            try DurableFiles.replace(job.folder.controls + "/cancel", with: "")
            let faulty = FaultyFileSystem(Fault(.freeze, at: number))
            job.run(on: faulty)
            return faulty
        }
        let places = Extent.places(upTo: try cancelled(.max).count, about: 20)
        for number in places {
            let faulty = try cancelled(number)
            let place = "ended at \(number), \(faulty.struck), seed \(Extent.seed)"
            let state = try #require(job.folder.status()?.state, "\(place)")
            if state == .cancelled { continue }
            #expect(job.finish() == .cancelled, "\(place)")
            #expect(job.folder.status()?.state == .cancelled && job.folder.pendingControls.isEmpty, "\(place)")
        }
        _ = try cancelled(.max)
        #expect(WholeFolder.fault(in: job.folder.result) == nil)
        #expect(FolderListing.exists(job.folder.result + "/\(PartialResult.folderName)/adapter_model.safetensors"))
        Extent.report("exits while cancelling", places.count)
    }

    @Test func aFullDiskPausesTheJobAndItGoesOnToTheSameBytes() throws {
        let job = try CrashJob()
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        var paused = 0
        let places = Extent.places(upTo: try Self.count(job, Fault.needingRoom), about: 30)
        for (index, number) in places.enumerated() {
            for repeats in Extent.isFull ? [1, 1_000_000] : [index % 2 == 0 ? 1 : 1_000_000] {
                try job.reset()
                let faulty = FaultyFileSystem(
                    Fault(.error(number % 3 == 0 ? EDQUOT : ENOSPC), at: number, repeats: repeats, kinds: Fault.needingRoom))
                let outcome = job.run(on: faulty)
                let place = "full at \(number) for \(repeats), \(faulty.struck.prefix(3)), seed \(Extent.seed)"
                #expect(outcome == .diskFull || outcome == .succeeded, "\(place): \(outcome)")
                let status = try #require(job.folder.status(), "\(place)")
                #expect(status.state != .failed, "\(place)")
                if repeats == 1, outcome == .diskFull {
                    paused += 1
                    // The ledger decides. Where it says already that the job has succeeded, only
                    // the status was not written any more.
                    guard case .found(let ledger) = try job.folder.ledger() else {
                        Issue.record("\(place): there is no ledger")
                        continue
                    }
                    let isPaused = ledger.state == .paused && ledger.reason == .diskFull
                    #expect(isPaused || ledger.state == .succeeded, "\(place)")
                }
                #expect(job.finish() == .succeeded, "\(place)")
                let trace = try JobTrace(job.folder)
                #expect(trace.differences(from: wanted) == "", "\(place): \(trace.differences(from: wanted))")
            }
        }
        #expect(paused > 0)
        Extent.report("full disks", places.count)
    }

    /// EIO where data is written and where it is read; no file that failed to sync is synced again.
    @Test(arguments: [
        [FileOperation.Kind.write], [.sync, .syncFolder], [.close], [.rename], [.create, .makeFolder], [.list], [.map], [.read], [.open],
        [.truncate, .reserve, .remove, .removeFolder],
    ])
    func anInputOutputErrorEndsInAWordOrInTheSameBytes(kinds: [FileOperation.Kind]) throws {
        let job = try CrashJob()
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        let places = Extent.places(upTo: try Self.count(job, Set(kinds)), about: 4)
        for number in places {
            try job.reset()
            let faulty = FaultyFileSystem(Fault(.error(EIO), at: number, kinds: Set(kinds)))
            let outcome = job.run(on: faulty)
            let place = "EIO at \(number), \(faulty.struck), seed \(Extent.seed)"
            let status = try #require(job.folder.status(), "\(place)")
            switch outcome {
            case .succeeded:
                job.folder.removeLitter()
                let trace = try JobTrace(job.folder)
                #expect(trace.differences(from: wanted) == "", "\(place): \(trace.differences(from: wanted))")
            case .failed:
                let error = try #require(status.error, "\(place)")
                #expect(!error.message.isEmpty, "\(place)")
                if let path = faulty.struck.first?.split(separator: " ").last {
                    #expect(
                        error.message.contains("Input/output error") || error.code != .inputOutput, "\(place) \(path): \(error.message)")
                }
                #expect(status.state == .failed || status.state == .queued, "\(place)")
            default: Issue.record("\(place): \(outcome)")
            }
        }
        Extent.report("input/output errors", places.count)
    }

    @Test(arguments: [ENOMEM, EMFILE, EAGAIN])
    func whatRunsOutForTheMomentIsTriedAgain(error: Int32) throws {
        let job = try CrashJob()
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        let kinds: Set<FileOperation.Kind> = [.create, .open, .map, .list, .makeFolder]
        let places = Extent.places(upTo: try Self.count(job, kinds), about: 12)
        for number in places {
            try job.reset()
            let faulty = FaultyFileSystem(Fault(.error(error), at: number, kinds: kinds))
            let outcome = job.run(on: faulty)
            let place = "error \(error) at \(number), \(faulty.struck), seed \(Extent.seed)"
            #expect(outcome == .ranOut || outcome == .succeeded, "\(place): \(outcome), \(job.folder.status()?.error?.message ?? "")")
            #expect(job.finish() == .succeeded, "\(place)")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "\(place): \(trace.differences(from: wanted))")
        }
        Extent.report("shortages", places.count)
    }

    /// Every place of the first worker where it opens or maps the model or its configuration:
    /// nothing there may be taken for a wrong or another model.
    @Test func aModelThatCannotBeOpenedForTheMomentIsNeitherWrongNorAnother() throws {
        let job = try CrashJob()
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        let kinds: Set<FileOperation.Kind> = [.open, .map]
        var tried = 0
        for number in 1...(try Self.count(job, kinds)) {
            try job.reset()
            let faulty = FaultyFileSystem(Fault(.error(EMFILE), at: number, kinds: kinds))
            let outcome = job.run(on: faulty)
            guard faulty.struck.contains(where: { $0.contains("/chat-model/") }) else { continue }
            tried += 1
            #expect(outcome == .ranOut, "\(faulty.struck): \(outcome)")
            #expect(job.finish() == .succeeded, "\(faulty.struck)")
            #expect(try JobTrace(job.folder).differences(from: wanted) == "", "\(faulty.struck)")
        }
        #expect(tried >= 3)
    }

    @Test func shortWritesChangeNothing() throws {
        let job = try CrashJob()
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        try job.reset()
        let faulty = FaultyFileSystem(Fault(.shortWrite, at: 1, repeats: .max, kinds: [.write]))
        #expect(job.run(on: faulty) == .succeeded && faulty.hasStruck)
        #expect(try JobTrace(job.folder).differences(from: wanted) == "")
    }

    /// The unsynced-write model over a whole run: whatever of the unsynced data and names a cut
    /// leaves, the job ends in the same bytes.
    @Test func aPowerCutAtAnyMomentIsContinuedToTheSameBytes() throws {
        let job = try CrashJob(keep: 1)
        defer { job.remove() }
        let wanted = try Self.unbroken(job)
        try job.reset()
        let recording = try RecordingFileSystem(root: job.folder.path)
        #expect(job.run(on: recording) == .succeeded)
        let log = recording.log
        var random = SplitMix64(seed: Extent.seed)
        var tried = 0
        for length in Extent.places(upTo: log.entries.count, about: 40) {
            let choices = log.choices(length: length)
            for selection in choices.selections(atMost: Extent.isFull ? 6 : 1, using: &random) {
                try log.state(choices, changes: selection.changes, kept: selection.kept).restore()
                let place = "cut after \(length) of \(log.entries.count), \(selection), seed \(Extent.seed)"
                let before = job.folder.status()
                #expect(before != nil, "\(place)")
                if before?.state == .succeeded {
                    // What was called finished is finished.
                    #expect(WholeFolder.fault(in: job.folder.result) == nil, "\(place)")
                } else {
                    #expect(job.finish() == .succeeded, "\(place)")
                }
                // As the daemon does at its start.
                job.folder.removeLitter()
                let trace = try JobTrace(job.folder)
                #expect(trace.differences(from: wanted) == "", "\(place): \(trace.differences(from: wanted))")
                tried += 1
            }
        }
        Extent.report("power cuts in the model", tried)
    }
}
