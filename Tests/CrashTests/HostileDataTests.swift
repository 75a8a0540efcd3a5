import Foundation
import Fuzzing
import JSON
import Jobs
import Spool
import Storage
import StorageTrials
import TestSupport
import Testing

/// Data and models that were damaged on purpose, each given to a worker of its own: it ends with a
/// word, in time, with bounded memory, and never by a signal. Forty, under TALA_TORTURE=1 twenty
/// thousand.
@Suite(.serialized, .enabled(if: RealSpool.areBuilt, "the programs are not built")) struct HostileDataTests {
    private static func validate(_ folder: JobFolder, limit seconds: Double) throws -> MeasuredRun {
        try BuiltProgram(name: "tala-worker").measure(["validate", "--job", folder.path, "--device", "cpu"], limit: seconds)
    }

    @Test func aDamagedInputEndsInAWordAndNeverInASignal() throws {
        let count = Extent.isFull ? 20_000 : 40
        let job = try CrashJob()
        defer { job.remove() }
        let model = job.root + "/model"
        try FileManager.default.copyItem(atPath: ReferenceSet.own.chatModel, toPath: model)
        var acceptance = try job.folder.acceptance()
        acceptance.modelPath = model
        try DurableFiles.replace(job.folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
        let accepted = try FolderSnapshot(job.folder.path)
        let calm = try Self.validate(job.folder, limit: 900)
        #expect(calm.exitCode == 0, "\(job.events)")
        // Of the weights only the part is changed that is read before training: length, header, and
        // a little more.
        let targets: [(path: String, isJSON: Bool, head: Int?)] = [
            (job.root + "/files/train.jsonl", false, nil), (job.root + "/files/validation.jsonl", false, nil),
            (model + "/tokenizer.json", true, nil),
            (model + "/tokenizer_config.json", true, nil), (model + "/config.json", true, nil),
            (model + "/special_tokens_map.json", true, nil),
            (model + "/model.safetensors", false, 8192),
        ]
        var mutators: [Mutator] = []
        var originals: [[UInt8]] = []
        for (index, target) in targets.enumerated() {
            let bytes = try DurableFiles.read(target.path)
            originals.append(bytes)
            let head = target.head.map { Array(bytes.prefix($0)) } ?? bytes
            mutators.append(
                Mutator(
                    seeds: [head], words: ["\"messages\"", "\"role\"", "null", "1e999", "{%", "{{"], byteLimit: head.count + 4096,
                    structure: target.isJSON ? .json : .bytes, seed: Extent.seed &+ UInt64(index)))
        }
        var (valid, refused) = (0, 0)
        var slowest = 0.0
        for number in 0..<count {
            let index = number % targets.count
            let head = mutators[index].next()
            let bytes = targets[index].head.map { head + originals[index].dropFirst($0) } ?? head
            try bytes.withUnsafeBytes { try DurableFiles.replace(targets[index].path, with: $0) }
            try accepted.restore()
            let end = try Self.validate(job.folder, limit: 20)
            let name = DurableFiles.split(targets[index].path).name
            let note = "\(name), number \(number), seed \(Extent.seed): \(end)"
            #expect(end.signal == nil && (end.exitCode == 0 || end.exitCode == 1), "\(note)")
            #expect(end.peakBytes < 1 << 30 && end.processorSeconds < 20, "\(note)")
            if end.exitCode == 1 {
                refused += 1
                let error = job.folder.status()?.error
                #expect(
                    error != nil && error?.code != .internalError && error?.message.isEmpty == false,
                    "\(note): \(String(describing: error))")
            } else if end.exitCode == 0 {
                valid += 1
            }
            slowest = max(slowest, end.processorSeconds)
            try originals[index].withUnsafeBytes { try DurableFiles.replace(targets[index].path, with: $0) }
        }
        print("\(refused) refused, \(valid) still valid, the slowest took \((slowest * 100).rounded() / 100) s")
        Extent.report("damaged inputs given to a worker", count)
    }
}
