import Glibc
package import Graph
package import Profiling
import Models
import Tensors

/// A model on a device, ready to be trained: memory filled, programs planned and prepared as batches need them.
///
/// After the programs of a size exist, a step allocates nothing on the device. The session does single steps; which batches
/// come and what happens between them is ``TrainingRun``'s.
package final class TrainingSession {
    package let device: any ComputeDevice
    package let programs: Programs
    package let persistent: any PersistentMemory
    private let planner: Planner
    private let arena: any Arena
    private var prepared: [ProgramKey: Prepared] = [:]
    private var recentKeys: [ProgramKey] = []
    private let updateExecutable: any Executable
    /// Asked several times a second during forward and backward passes, not in updates: true breaks off what is being done.
    package var mustBreakOff: () -> Bool = { false }
    private let updatePlan: Plan

    private struct ProgramKey: Hashable {
        var size: ProgramSize
        var isTraining: Bool
    }
    private struct Prepared {
        var executable: any Executable
        var plan: Plan

        /// Writes an input if the program has it: dead inputs of a program are not in its plan.
        func write<Element: BitwiseCopyable>(_ elements: [Element], to input: String) throws {
            if plan.inputs[input] != nil { try executable.write(elements, to: input) }
        }
    }
    /// Prepared programs that are kept, so many that they take some tens of megabytes at most; beyond them the least recently used goes.
    static func executableLimit(callCount: Int) -> Int { min(48, max(4, (64 << 20) / max(1, callCount * bytesPerCall))) }
    /// Bytes of host memory that a prepared kernel call takes (addresses, descriptions, its part of a primitive), as measured.
    static let bytesPerCall = 3_500

    /// What a micro-batch gave.
    package struct LossSum: Sendable, Hashable {
        /// Sum over the trained tokens, not divided.
        package var loss = 0.0
        package var correctTokens = 0
        package var trainedTokens = 0

        package init() {}

        package static func += (left: inout LossSum, right: LossSum) {
            left.loss += right.loss
            left.correctTokens += right.correctTokens
            left.trainedTokens += right.trainedTokens
        }

        package var meanLoss: Double { trainedTokens == 0 ? 0 : loss / Double(trainedTokens) }
        package var accuracy: Double { trainedTokens == 0 ? 0 : Double(correctTokens) / Double(trainedTokens) }
    }

    /// Allocates and fills everything; the arena is as large as the largest micro-batch needs.
    /// - Parameter largest: the largest size that will be asked for, in training and in evaluation.
    /// - Parameter known: plans that the planner has made already; they are taken out of it.
    package init(
        device: any ComputeDevice, programs: Programs, largest: ProgramSize, known: (plans: PlanCache, choice: JobPlan.Choice)? = nil
    ) throws {
        self.device = device
        self.programs = programs
        let model = programs.model
        let mapped = device.limits.mapsWeights ? model.mappedWeights : [:]
        let layout = try PersistentLayout(programs.persistentTensors, limits: device.limits, mappedWeights: Set(mapped.keys))
        var mappedBlocks: [Int: UnsafeRawBufferPointer] = [:]
        for (index, block) in layout.blocks.enumerated() {
            if let key = block.mappedWeight { mappedBlocks[index] = mapped[key] }
        }
        persistent = try device.makePersistentMemory(layout, mapped: mappedBlocks)
        try model.fill(persistent, mapped: Set(mapped.keys))
        planner = Planner(limits: device.limits, layout: layout)
        let cache = known?.plans ?? PlanCache()
        let choice =
            known?.choice ?? JobPlan.Choice(tokenCount: largest.tokenCount, recomputedLayers: 0, baseWeights: model.precision.baseWeights)
        let kinds: [PlanCache.Program] = [.gradients, .evaluation, .update]
        let plans = try kinds.map { [planner] in try cache.plan($0, programs, choice, largest, planner) }
        cache.removeAll()
        arena = try device.makeArena(blocks: Self.union(plans.map(\.transientBlocks)))
        updateExecutable = try device.makeExecutable(plans[2], persistent: persistent, arena: arena)
        updatePlan = plans[2]
        largestSize = largest
        largestCallCount = plans[0].calls.count
        planned = [ProgramKey(size: largest, isTraining: true): plans[0]]
        self.known[largest] = true
    }

    private let largestSize: ProgramSize
    private let largestCallCount: Int

    /// For each block the most that any of the plans needs.
    static func union(_ blocks: [[Int]]) -> [Int] {
        (0..<(blocks.map(\.count).max() ?? 0)).map { index in blocks.compactMap { index < $0.count ? $0[index] : nil }.max() ?? 0 }
    }

    /// Bytes of the arena that all programs share.
    package var arenaByteCount: Int { arena.blocks.reduce(0, +) }

    /// The size of program that serves a batch with this many tokens: the nearest whose plans fit the arena.
    ///
    /// A smaller program can need a little more than the largest, since values are packed greedily; then the batch is filled up to a size that fits.
    package func size(tokens: Int, trained: Int) -> ProgramSize {
        let rounded = ProgramSize(serving: tokens, trained: trained)
        let wanted = ProgramSize(
            tokenCount: min(rounded.tokenCount, max(largestSize.tokenCount, tokens)),
            trainedCount: min(rounded.trainedCount, max(largestSize.trainedCount, trained)))
        let wider = ProgramSize(tokenCount: wanted.tokenCount, trainedCount: min(wanted.tokenCount, largestSize.trainedCount))
        for size in [wanted, wider, largestSize] where size.tokenCount >= tokens && size.trainedCount >= trained && fits(size) {
            return size
        }
        return wanted
    }

    private var known: [ProgramSize: Bool] = [:]
    /// The last plan that was made to see whether it fits, until it is prepared.
    private var planned: [ProgramKey: Plan] = [:]

    private func fits(_ size: ProgramSize) -> Bool {
        if let answer = known[size] { return answer }
        var answer = true
        for isTraining in [true, false] {
            guard let plan = try? planner.plan(isTraining ? programs.gradients(size) : programs.evaluation(size)) else { return true }
            if isTraining { planned = [ProgramKey(size: size, isTraining: true): plan] }
            let blocks = plan.transientBlocks
            if blocks.count > arena.blocks.count || zip(blocks, arena.blocks).contains(where: { $0 > $1 }) { answer = false }
        }
        known[size] = answer
        return answer
    }

    /// Runs forward and backward pass of a micro-batch; its gradients are added to those of the batch's other micro-batches.
    /// - Parameter batchTrainedTokens: trained tokens of the whole batch, by which the loss is divided.
    /// - Throws: `BrokenOff` if ``mustBreakOff`` says so: parameters and moments are what they were, gradients are of no use.
    package func addGradients(of batch: PackedBatch, batchTrainedTokens: Int, seed: UInt64, step: Int, microBatch: Int) throws -> LossSum {
        let program = try program(for: batch, isTraining: true)
        try program.write([1 / Float(max(1, batchTrainedTokens))], to: ProgramInput.lossScale)
        if programs.model.usesDropout {
            let state = [
                UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: step),
                UInt32(truncatingIfNeeded: microBatch),
            ]
            try program.write(state, to: ModelInput.randomState)
        }
        return try run(program, batch, isTimed: isTimed)
    }

    /// Loss and accuracy of a micro-batch, without gradients.
    package func evaluate(_ batch: PackedBatch) throws -> LossSum {
        let program = try program(for: batch, isTraining: false)
        try program.write([Float(1)], to: ProgramInput.lossScale)
        return try run(program, batch)
    }

    /// Whether steps are timed call by call; what they compute is the same.
    package var isTimed = false
    private var timed: [ProgramTimes] = []

    /// What the programs took that have run since the last call while ``isTimed``.
    package func takeTimes() -> [ProgramTimes] {
        defer { timed = [] }
        return timed
    }

    /// The time of each kernel in a forward and backward pass over the batch that ran last and in an update, which is applied with a rate of zero.
    /// - Precondition: ``addGradients(of:batchTrainedTokens:seed:step:microBatch:)`` has run this batch, so the program's inputs are written.
    package func profile(_ batch: PackedBatch) throws -> [ProgramTimes] {
        let program = try program(for: batch, isTraining: true)
        let gradients = try program.executable.profile()
        try updateExecutable.write([Float(0), 1, 1, 0], to: ProgramInput.optimizerScalars)
        let update = try updateExecutable.profile()
        return [
            ProgramTimes(program: "forward and backward", plan: program.plan, seconds: gradients, visiblePairs: batch.visiblePairs),
            ProgramTimes(program: "update", plan: updatePlan, seconds: update),
        ]
    }

    /// Arithmetic and memory traffic of a whole step of one micro-batch: forward, backward, update.
    package func stepCost(_ batch: PackedBatch) throws -> Cost {
        try program(for: batch, isTraining: true).plan.cost(visiblePairs: batch.visiblePairs) + updatePlan.cost
    }

    /// Applies the collected gradients and sets them to zero; returns their global norm before clipping.
    /// If the norm is not finite, parameters and moments are left as they were.
    /// - Parameter step: counts from 1, for the bias corrections.
    package func update(learningRate: Double, step: Int) throws -> Double {
        let settings = programs.optimizer
        let scalars: [Float] = [
            Float(learningRate), Float(1 - pow(settings.beta1, Double(step))), Float(1 - pow(settings.beta2, Double(step))), 0,
        ]
        try updateExecutable.write(scalars, to: ProgramInput.optimizerScalars)
        if isTimed {
            timed.append(ProgramTimes(program: "update", plan: updatePlan, seconds: try updateExecutable.profile()))
        } else {
            try updateExecutable.run()
        }
        return Double(try updateExecutable.readFloats(ProgramOutput.norm, count: 2)[0])
    }

    private func run(_ program: Prepared, _ batch: PackedBatch, isTimed: Bool = false) throws -> LossSum {
        try program.write(batch.tokens, to: ModelInput.tokens)
        try program.write(batch.rotaryRows, to: ModelInput.rotaryRows)
        try program.write(batch.keyRanges, to: ModelInput.keyRanges)
        try program.write(batch.queryRanges, to: ModelInput.queryRanges)
        try program.write(batch.windowKeyRanges, to: ModelInput.windowKeyRanges)
        try program.write(batch.windowQueryRanges, to: ModelInput.windowQueryRanges)
        try program.write(batch.trainedRows, to: ProgramInput.trainedRows)
        try program.write(batch.targets, to: ProgramInput.targets)
        let executable = program.executable
        if isTimed {
            let seconds = try executable.profile()
            timed.append(
                ProgramTimes(program: "forward and backward", plan: program.plan, seconds: seconds, visiblePairs: batch.visiblePairs))
        } else {
            try executable.run(unless: mustBreakOff)
        }
        let losses = try executable.readFloats(ProgramOutput.losses, count: batch.trainedCapacity)
        let correct = try executable.readFloats(ProgramOutput.correct, count: batch.trainedCapacity)
        var sum = LossSum()
        sum.trainedTokens = batch.trainedCount
        for row in 0..<batch.trainedCount {
            sum.loss += Double(losses[row])
            if correct[row] > 0.5 { sum.correctTokens += 1 }
        }
        return sum
    }

    private func program(for batch: PackedBatch, isTraining: Bool) throws -> Prepared {
        let key = ProgramKey(
            size: ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity), isTraining: isTraining)
        if let index = recentKeys.firstIndex(of: key) { recentKeys.remove(at: index) }
        recentKeys.append(key)
        if let known = prepared[key] { return known }
        if recentKeys.count > Self.executableLimit(callCount: largestCallCount) { prepared[recentKeys.removeFirst()] = nil }
        let plan =
            try planned.removeValue(forKey: key) ?? planner.plan(isTraining ? programs.gradients(key.size) : programs.evaluation(key.size))
        let executable = try device.makeExecutable(plan, persistent: persistent, arena: arena, unless: mustBreakOff)
        let program = Prepared(executable: executable, plan: plan)
        prepared[key] = program
        return program
    }
}
