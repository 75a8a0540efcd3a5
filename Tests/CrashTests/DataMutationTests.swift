import Foundation
import JSON
import Jobs
import Basics
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing
import Worker

/// A submitter who changes, cuts or replaces the data after the job was accepted, while it is
/// validated or trained on: what is trained on is what was validated, to the byte, or the job fails
/// and says why. Eight times, under TALA_TORTURE=1 two hundred times.
@Suite(.serialized) struct DataMutationTests {
    private enum Kind: Int, CaseIterable { case change, cut, replace, rewrite, grow }

    private static func mutate(_ kind: Kind, _ path: String, _ random: inout SplitMix64) {
        func file(_ flags: Int32, _ body: (Int32) -> Void) {
            let file = open(path, flags)
            guard file >= 0 else { return }
            body(file)
            close(file)
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > 10 else { return }
        let size = Int(status.st_size)
        switch kind {
        case .change: file(O_WRONLY) { _ = pwrite($0, "x", 1, Int.random(in: 0..<size, using: &random)) }
        case .cut: truncate(path, Int.random(in: 0..<size, using: &random))
        case .replace:
            // Other data, valid as well: only its digest tells.
            try? DurableFiles.replace(
                path,
                with: (try? String(contentsOfFile: ReferenceSet.own.chatModel + "/validation.jsonl", encoding: .utf8).split(separator: "\n")
                    .prefix(7).joined(separator: "\n") + "\n") ?? "")
        case .rewrite:
            guard let bytes = try? DurableFiles.read(path) else { return }
            file(O_WRONLY | O_TRUNC) { file in
                for start in stride(from: 0, to: bytes.count, by: 700) {
                    let part = Array(bytes[start..<min(start + 700, bytes.count)])
                    _ = write(file, part, part.count)
                    usleep(300)
                }
            }
        case .grow: file(O_WRONLY | O_APPEND) { _ = write($0, "{\"messages\": [", 14) }
        }
    }

    @Test func whatIsTrainedOnIsWhatWasValidated() throws {
        let count = Extent.isFull ? 200 : 8
        var random = SplitMix64(seed: Extent.seed)
        // What a job gives for some data, by the data's digest.
        var wanted: [String: [UInt8]] = [:]
        func adapter(_ folder: JobFolder) -> [UInt8]? { try? DurableFiles.read(folder.result + "/adapter/adapter_model.safetensors") }
        func digest(_ folder: JobFolder) throws -> String {
            try ["training.jsonl", "validation.jsonl"].map { try SHA256.hexadecimal(ofFile: folder.path + "/data/" + $0) }.joined()
        }
        let calm = try CrashJob()
        defer { calm.remove() }
        let began = Date()
        #expect(calm.run() == .succeeded)
        let seconds = Date().timeIntervalSince(began)
        wanted[try digest(calm.folder)] = adapter(calm.folder)
        var (succeeded, failed) = (0, 0)
        for index in 0..<count {
            let job = try CrashJob()
            defer { job.remove() }
            let kind = Kind.allCases[index % Kind.allCases.count]
            let target = job.root + "/files/" + (index % 3 == 0 ? "validation.jsonl" : "train.jsonl")
            // Half of them while the data is read and validated, half at any time.
            let delay = Double.random(in: 0...(index % 2 == 0 ? 0.1 * seconds : seconds), using: &random)
            let seed = random.next()
            let isOver = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                var random = SplitMix64(seed: seed)
                usleep(UInt32(delay * 1e6))
                Self.mutate(kind, target, &random)
                isOver.signal()
            }
            let outcome = job.run()
            isOver.wait()
            let note = "\(kind) after \(delay) s of \(seconds) s, seed \(Extent.seed), index \(index)"
            switch outcome {
            case .succeeded:
                succeeded += 1
                let data = try digest(job.folder)
                if wanted[data] == nil {
                    // An undisturbed job, with what this one has taken.
                    let again = try CrashJob()
                    defer { again.remove() }
                    for (name, copy) in [("train.jsonl", "training.jsonl"), ("validation.jsonl", "validation.jsonl")] {
                        let bytes = try DurableFiles.read(job.folder.path + "/data/" + copy)
                        try bytes.withUnsafeBytes { try DurableFiles.replace(again.root + "/files/" + name, with: $0) }
                    }
                    #expect(again.run() == .succeeded, "\(note)")
                    wanted[data] = adapter(again.folder)
                }
                #expect(adapter(job.folder) == wanted[data] && wanted[data] != nil, "\(note)")
            case .failed:
                failed += 1
                let status = job.folder.status()
                let error = try #require(status?.error, "\(note)")
                #expect(
                    [.dataChanged, .unusableFile, .invalidTrainingFile, .invalidValidationFile].contains(error.code),
                    "\(note): \(error)")
                #expect(
                    error.param == "training_file" || error.param == "validation_file" || error.param == "validation_split",
                    "\(note): \(error)")
            default: Issue.record("\(note): \(outcome)")
            }
        }
        print("\(succeeded) trained on what was validated, \(failed) failed with a reason")
        Extent.report("changes of data after acceptance", count)
    }
}
