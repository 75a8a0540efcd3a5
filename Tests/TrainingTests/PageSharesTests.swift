import CPUBackend
import Foundation
import Graph
import Manifest
import Models
import Ranks
import Storage
import Testing
import Training
import VulkanBackend

/// Processes that train a whole model, each with its own part of the optimizer's state.
@Suite(.serialized) struct PageSharesTests {
    private static func layout(_ sizes: [Int], takesWholeTensors: Bool = false) -> TrainableLayout {
        let parameters = sizes.enumerated().map { place, rows in
            TrainableLayout.Parameter(key: "p\(place)", rows: rows, columns: 256, isDecayed: place % 3 != 2)
        }
        return TrainableLayout(
            parameters, pageByteLimit: takesWholeTensors ? 1 : TrainableLayout.pageByteLimit(64 << 20, for: parameters, laneCount: 4))
    }

    @Test func everyPageHasOneOwnerAndThePartsAreAlike() {
        let layout = Self.layout((0..<40).map { 100 + $0 * 37 % 90 })
        let kinds = AdamWOptimizer().stateKinds
        let shares = (0..<4).map { PageShares(layout, kinds, rank: $0, count: 4) }
        #expect(layout.pages.count >= 16)
        #expect(shares.flatMap(\.own).sorted() == Array(layout.pages.indices))
        #expect(Set(shares.map(\.owners)).count == 1)
        let counts = shares[0].byteCounts
        #expect((counts.max() ?? 0) < (counts.min() ?? 0) * 3 / 2, "\(counts)")
        // Of each state a page is absent wherever it is not owned.
        #expect(shares.reduce(0) { $0 + $1.absentPages.count } == 3 * 2 * layout.pages.count)
    }

    @Test func aProcessMayHaveNoPage() {
        let layout = Self.layout([64], takesWholeTensors: true)
        let shares = (0..<3).map { PageShares(layout, AdafactorOptimizer().stateKinds, rank: $0, count: 3) }
        #expect(shares.map(\.own) == [[0], [], []])
    }

    /// Pages are no smaller where nobody could divide them: bytes of jobs of one lane stay.
    @Test func lanesAloneSayHowLargeAPageIs() {
        let parameters = (0..<8).map { TrainableLayout.Parameter(key: "p\($0)", rows: 256, columns: 256, isDecayed: true) }
        #expect(TrainableLayout.pageByteLimit(64 << 20, for: parameters, laneCount: 1) == 64 << 20)
        #expect(TrainableLayout.pageByteLimit(64 << 20, for: parameters, laneCount: 2) == 256 << 10)
        #expect(TrainableLayout.pageByteLimit(64 << 20, for: parameters, laneCount: 64) == 64 << 10)
        #expect(TrainableLayout.pageByteLimit(1, for: parameters, laneCount: 2) == 1)
    }

    // MARK: Runs

    private static func makeRun(
        _ optimizer: String, isOnVulkan: Bool, stepsDone: Int = 0, group: any RankGroup
    ) throws -> TrainingRun {
        var settings = RunSettings(
            batchSize: 5, totalSteps: 4,
            schedule: LearningRateSchedule(shape: .constant, peakRate: 1e-3, warmupSteps: 0, totalSteps: 4), seed: 3, isShuffled: true,
            microBatchTokens: 128)
        settings.lanes = Lanes(4)
        let device: any ComputeDevice = try isOnVulkan ? VulkanDevice() : CPUDevice(threadCount: 1)
        return try TinyRun(
            model: TinyRun.demo.model, data: TinyRun.demo.data, training: .full,
            optimizer: Optimizers.named(optimizer, numbers: ["weight_decay": 0.1, "beta1": 0.9]), device: device, settings: settings,
            stepsDone: stepsDone, group: group
        ).run
    }

    /// What a run leaves: figures, and the digests of its checkpoints' tensors.
    private struct Trace: Equatable {
        var figures: [UInt64] = []
        var files: [[String: String]] = []
    }

    private static let fingerprint = InputFingerprint(["run": "1"])

    /// The steps that are left, each with a checkpoint behind it.
    /// - Parameter checkpoint: from which the run goes on.
    private static func lead(_ run: TrainingRun, _ group: any RankGroup, in folder: String, from checkpoint: String? = nil) throws -> Trace
    {
        var trace = Trace()
        func save(_ step: Int, _ name: String) throws {
            let path = folder + "/" + name
            try run.compareParameters()
            try Checkpointing.write(
                CheckpointState(step: step, trainedTokens: 0, fingerprint: fingerprint), of: run.session, to: path, by: group)
            var digests: [String: String] = [:]
            for name in try FolderListing.names(in: path) where name.hasSuffix(".safetensors") {
                digests[name] = SHA256.hexadecimal(of: try DurableFiles.read(path + "/" + name))
            }
            trace.files.append(digests)
        }
        if let checkpoint {
            _ = try Checkpointing.restore(run.session, from: checkpoint, fingerprint: fingerprint, by: group)
        }
        try run.shareParameters()
        while let step = try run.isFinished ? nil : run.advance() {
            trace.figures += [step.loss, step.gradientNorm].map(\.bitPattern)
            try save(step.step, "step-\(step.step)")
        }
        return trace
    }

    private static func makeFolder() throws -> String {
        let path = NSTemporaryDirectory() + "tala-shares-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func run(
        _ optimizer: String, isOnVulkan: Bool, processes: Int, in folder: String, from checkpoint: String? = nil
    ) throws -> Trace {
        let stepsDone = checkpoint == nil ? 0 : 2
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if processes == 1 {
            let run = try makeRun(optimizer, isOnVulkan: isOnVulkan, stepsDone: stepsDone, group: SingleRank())
            return try lead(run, SingleRank(), in: folder, from: checkpoint)
        }
        return try ThreadGroup.together(
            processes,
            run: { try makeRun(optimizer, isOnVulkan: isOnVulkan, stepsDone: $0.rank == 0 ? stepsDone : 0, group: $0) },
            { run, group in try lead(run, group, in: folder, from: checkpoint) })
    }

    /// The same figures and files from 1, 2 and 4 processes, and from runs that go on with other
    /// numbers of them than they began with.
    private static func compare(_ optimizer: String, isOnVulkan: Bool = false, counts: [Int] = [2, 4]) throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let alone = try run(optimizer, isOnVulkan: isOnVulkan, processes: 1, in: folder + "/1")
        #expect(alone.figures.count == 8 && alone.files.allSatisfy { $0.count >= 2 } && Set(alone.files).count == 4)
        for count in counts {
            let shared = try run(optimizer, isOnVulkan: isOnVulkan, processes: count, in: folder + "/\(count)")
            #expect(shared == alone, "\(optimizer), \(count) processes")
        }
        for (from, to) in [(2, 4), (1, 2), (2, 1)] where to == 1 || counts.contains(to) {
            let resumed = try run(
                optimizer, isOnVulkan: isOnVulkan, processes: to, in: folder + "/\(from)-\(to)", from: folder + "/\(from)/step-2")
            #expect(resumed.figures == Array(alone.figures.suffix(4)) && resumed.files == Array(alone.files.suffix(2)))
        }
    }

    @Test(arguments: Optimizers.all.map { $0.name }) func theBytesDoNotDependOnWhoKeepsTheState(name: String) throws {
        try Self.compare(name)
    }

    private static let isVulkanThere = (try? VulkanDevice()) != nil

    @Test(.enabled(if: isVulkanThere)) func theBytesDoNotDependOnWhoKeepsTheStateOnVulkan() throws {
        try Self.compare("adamw", isOnVulkan: true, counts: [2])
    }

    /// Parameters and gradients are whole everywhere, states are not.
    @Test func eachProcessTakesLessMemory() throws {
        let table = ThreadGroup.Table(count: 4)
        let alone = try Self.makeRun("adamw", isOnVulkan: false, group: SingleRank()).session
        let stateBytes = alone.programs.model.trainables.pageTensors(alone.programs.optimizer.stateKinds).reduce(0) {
            $0 + $1.type.byteCount
        }
        var held = 0
        for rank in 0..<4 {
            let session = try Self.makeRun("adamw", isOnVulkan: false, group: ThreadGroup(rank: rank, table)).session
            let saved = alone.persistent.layout.allocatedByteCount - session.persistent.layout.allocatedByteCount
            #expect(saved > stateBytes / 2, "rank \(rank) saves \(saved) of \(stateBytes) bytes")
            held += stateBytes - saved
        }
        #expect(abs(held - stateBytes) < 64 << 10)
    }
}
