import Foundation
import Jobs
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// Files that are cut short or have a bit flipped behind the program's back.
@Suite(.serialized) struct TornWriteTests {
    /// A job that was stopped after its fourth step, with two checkpoints.
    static func half() throws -> (job: CrashJob, state: FolderSnapshot, wanted: JobTrace) {
        let job = try CrashJob()
        #expect(job.run() == .succeeded)
        let wanted = try JobTrace(job.folder)
        try job.reset()
        #expect(job.run(stop: { job.folder.checkpointNames.count > 1 }) == .stopped)
        return (job, try FolderSnapshot(job.folder.path), wanted)
    }

    static func damage(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
        var bytes = try DurableFiles.read(path)
        change(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test func aDamagedCheckpointIsFoundWhereverTheDamageIs() throws {
        let (job, state, _) = try Self.half()
        defer { job.remove() }
        let newest = job.folder.checkpoints + "/" + (try #require(job.folder.checkpointNames.last))
        var tried = 0
        for file in try FolderListing.names(in: newest) {
            let path = newest + "/" + file
            let content = try DurableFiles.read(path)
            // A bit of every 4 KiB.
            for place in Swift.stride(from: 0, to: content.count, by: 4096) {
                let bit = UInt8(1) << UInt8((place / 4096 + Int(Extent.seed % 8)) % 8)
                try Self.damage(path) { $0[min(place + Int(Extent.seed % 4096), content.count - 1)] ^= bit }
                let fault = WholeFolder.fault(in: newest)
                #expect(fault != nil, "bit \(bit) at \(place) of \(file), seed \(Extent.seed)")
                tried += 1
                try Self.damage(path) { $0 = content }
            }
            // A cut at every byte of small files and headers.
            for length in Extent.places(upTo: min(content.count, 2048), about: 40) where length < content.count {
                try Self.damage(path) { $0 = Array(content.prefix(length)) }
                #expect(WholeFolder.fault(in: newest) != nil, "\(file) cut at \(length)")
                tried += 1
                try Self.damage(path) { $0 = content }
            }
        }
        #expect(WholeFolder.fault(in: newest) == nil)
        Extent.report("flipped bits and cuts of checkpoints", tried)
        withExtendedLifetime(state) {}
    }

    @Test func aDamagedCheckpointIsSetAsideWithAnEventAndTheJobEndsInTheSameBytes() throws {
        let (job, state, wanted) = try Self.half()
        defer { job.remove() }
        let newest = try #require(job.folder.checkpointNames.last)
        for file in ["adapter_model.safetensors", "second_moments.safetensors", "state.json", WholeFolder.listName] {
            try state.restore()
            try Self.damage(job.folder.checkpoints + "/\(newest)/\(file)") { $0[$0.count / 2] ^= 16 }
            #expect(job.run() == .succeeded, "\(file)")
            #expect(job.events.contains("set aside as .damaged-\(newest)"), "\(file)")
            // A damaged list names the file whose digest it has wrong, or itself.
            #expect(file == WholeFolder.listName || job.events.contains(file), "\(file)")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "\(file)")
        }
    }

    @Test func aJobWhoseDataHaveChangedIsNotTrainedOnThem() throws {
        let (job, state, _) = try Self.half()
        defer { job.remove() }
        try Self.damage(job.folder.path + "/data/training.jsonl") { $0[$0.count / 2] ^= 1 }
        #expect(job.run() == .failed)
        #expect(job.folder.status()?.error?.code == .dataChanged)
        // What was trained until then can be used, and says that it is not all.
        #expect(job.folder.status()?.state == .failed)
        withExtendedLifetime(state) {}
    }

    @Test func aCutOrDamagedManifestNeverCrashesTheWorker() throws {
        let (job, state, _) = try Self.half()
        defer { job.remove() }
        for file in [job.folder.manifestFile, job.folder.acceptanceFile] {
            let content = try DurableFiles.read(file)
            for length in Extent.places(upTo: content.count - 2, about: 8) {
                try state.restore()
                try Self.damage(file) { $0 = Array(content.prefix(length)) }
                #expect(job.run() == .failed, "\(file) cut at \(length)")
                #expect(
                    job.folder.status()?.state == .failed && job.folder.status()?.error?.code == .damagedJob, "\(file) cut at \(length)")
            }
        }
    }

    /// A rate of 1e-3 that a flipped bit makes 3e-3 is still a manifest: only its digest tells.
    @Test func aFlippedBitInAJobsOwnFilesIsFoundAndNothingIsTrained() throws {
        let (job, _, _) = try Self.half()
        defer { job.remove() }
        for file in [job.folder.manifestFile, job.folder.acceptanceFile] {
            try OwnDigests.replace(file, with: String(decoding: DurableFiles.read(file), as: UTF8.self))
        }
        // One line a file, so that sha256sum(1) finds nothing wrong.
        let list = try String(decoding: DurableFiles.read(job.folder.path + "/" + OwnDigests.listName), as: UTF8.self)
        let names = list.split(separator: "\n").compactMap { $0.split(separator: " ").last }
        #expect(names.count == Set(names).count && names.contains("manifest.json"), "\(list)")
        let state = try FolderSnapshot(job.folder.path)
        for file in [job.folder.manifestFile, job.folder.acceptanceFile] {
            for place in Extent.places(upTo: try DurableFiles.read(file).count, about: 6) {
                try state.restore()
                try Self.damage(file) { $0[place - 1] ^= 2 }
                #expect(job.run() == .failed, "\(file), bit of byte \(place)")
                let error = job.folder.status()?.error
                #expect(
                    error?.code == .damagedJob && error?.message.contains("SHA-256") == true,
                    "\(file), bit of byte \(place): \(error?.message ?? "")")
            }
        }
        // A program that wrote no digests wrote jobs that still run.
        try state.restore()
        FolderListing.delete(job.folder.path + "/" + OwnDigests.listName)
        #expect(job.finish() == .succeeded)
    }

    /// What validation found is believed later: of another device's plan, of the data's digests, of
    /// the tokens that a quota counts.
    @Test func filesWhoseValidationIsDamagedAreValidatedAgain() throws {
        let (job, _, wanted) = try Self.half()
        defer { job.remove() }
        let state = try FolderSnapshot(job.folder.path)
        let file = job.folder.validationFile
        let digit = try #require(DurableFiles.read(file).lastIndex { (0x30...0x39).contains($0) })
        for (what, change) in [
            ("a flipped bit", { $0[digit] ^= 1 }), ("a cut", { $0.removeLast($0.count / 2) }), ("nothing left", { $0 = [] }),
        ] as [(String, (inout [UInt8]) -> Void)] {
            try state.restore()
            try Self.damage(file, change)
            #expect(try job.folder.isValidated && job.folder.validation() == nil, "\(what)")
            #expect(job.run() == .succeeded, "\(what)")
            #expect(job.events.contains("validation.json is damaged: the files are validated again"), "\(what)")
            #expect(try JobTrace(job.folder).differences(from: wanted) == "" && job.folder.validation() != nil, "\(what)")
        }
    }

    @Test func eventsAndMetricsCutInALineGoOnBehindTheLastWholeOne() throws {
        let (job, state, wanted) = try Self.half()
        defer { job.remove() }
        let (events, metrics) = (try DurableFiles.read(job.folder.eventsFile), try DurableFiles.read(job.folder.metricsFile))
        for cut in Extent.places(upTo: 60, about: 4) {
            try state.restore()
            try Self.damage(job.folder.eventsFile) { $0 = Array(events.dropLast(cut)) }
            // Steps after the checkpoint are done again; a row of theirs may be cut anywhere.
            try Self.damage(job.folder.metricsFile) { $0 = metrics + Array("5,1.2345".utf8.prefix(cut % 9)) }
            #expect(job.run() == .succeeded, "cut \(cut)")
            let trace = try JobTrace(job.folder)
            #expect(trace.differences(from: wanted) == "", "cut \(cut)")
            for line in job.events.split(separator: "\n") { #expect(line.hasPrefix("{") && line.hasSuffix("}"), "cut \(cut): \(line)") }
        }
    }
}
