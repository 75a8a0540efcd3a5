import Datasets
package import Graph
import Manifest
package import Profiling
import Models
package import Runtime
import Tensors
package import Tokenization

/// A model on a device, ready to be trained: memory filled, programs planned and prepared as
/// batches need them.
///
/// After the programs of a size exist, a step allocates nothing on the device. The session does
/// single steps; which batches come and what happens between them is ``TrainingRun``'s.
package final class TrainingSession {
    package let loaded: LoadedModel
    package let programs: Programs
    private let cache: ProgramCache<ProgramKey>
    private let updateProgram: Program
    /// Nil where the update itself adds up squares, or this process steps nothing.
    private let squaresProgram: Program?
    private let largestSize: ProgramSize
    /// Asked several times a second during forward and backward passes, not in updates: true breaks
    /// off what is being done.
    package var isCancelled: () -> Bool = { false }

    package var device: any ComputeDevice { loaded.device }
    package var persistent: any PersistentMemory { loaded.memory }

    /// Allocates and fills everything; the arena is as large as the largest micro-batch needs.
    /// - Parameters:
    ///   - largest: the largest size that will be asked for, in training and in evaluation.
    ///   - known: gives the plans that a planner has made already for these programs.
    package init(
        device: any ComputeDevice, programs: Programs, largest: ProgramSize, known: (ProgramKey) -> Plan? = { _ in nil }
    ) throws {
        self.programs = programs
        largestSize = largest
        loaded = try LoadedModel(
            programs.model, on: device, keeping: programs.optimizer.keptKinds, with: programs.objective.keptTensors,
            without: programs.shares?.absentPages ?? [])
        let addsUpSquares = programs.shares?.own.isEmpty == false
        let keys =
            [ProgramKey.gradients(largest), .evaluation(largest), .update] + (programs.asksForLikelihoods ? [.likelihood(largest)] : [])
            + (addsUpSquares ? [.squares] : [])
        cache = try ProgramCache(loaded, largest: keys, known: known) { try programs.graph($0) }
        updateProgram = try cache.makeProgram(.update)
        squaresProgram = try addsUpSquares ? cache.makeProgram(.squares) : nil
    }

    /// Whom the objective's loss asks in training; nil: nobody.
    private var teacher: Teacher?

    /// Gives the session the teacher of its objective, whose head lies in the session's memory
    /// then.
    /// - Throws: what ``TeacherHead/fill(_:)`` throws.
    package func take(_ teacher: Teacher) throws {
        try teacher.head.fill(loaded)
        self.teacher = teacher
    }

    /// Bytes of the arena that all programs share.
    package var arenaByteCount: Int { cache.arenaByteCount }
    /// How many plans the session has made so far.
    package var planCount: Int { cache.planCount }

    /// The size of program that serves a batch with this many tokens: the nearest whose plan fits
    /// the arena.
    ///
    /// A smaller program can need a little more than the largest, since values are packed greedily;
    /// then the batch is filled up to a size that fits.
    package func size(tokens: Int, trained: Int, isTraining: Bool) -> ProgramSize {
        size(tokens: tokens, trained: trained) { isTraining ? .gradients($0) : .evaluation($0) }
    }

    private func size(tokens: Int, trained: Int, _ key: (ProgramSize) -> ProgramKey) -> ProgramSize {
        let rounded = ProgramSize(serving: tokens, trained: trained)
        let wanted = ProgramSize(
            tokenCount: min(rounded.tokenCount, max(largestSize.tokenCount, tokens)),
            trainedCount: min(rounded.trainedCount, max(largestSize.trainedCount, trained)))
        let wider = ProgramSize(tokenCount: wanted.tokenCount, trainedCount: min(wanted.tokenCount, largestSize.trainedCount))
        for size in [wanted, wider, largestSize] where size.tokenCount >= tokens && size.trainedCount >= trained {
            if cache.fits(key(size)) { return size }
        }
        return wanted
    }

    /// Runs forward and backward pass of a micro-batch; its gradients are added to those of the
    /// batch's other micro-batches.
    /// - Parameter batchWeight: the weight of the whole batch, by which the loss is divided.
    /// - Throws: `Cancelled` if ``isCancelled`` says so: parameters and state are what they were,
    ///   gradients are of no use.
    package func addGradients(of batch: PackedBatch, batchWeight: Double, seed: UInt64, step: Int, microBatch: Int) throws -> Measures {
        try addGradients(of: batch, batchWeight: batchWeight, seed: seed, step: step, microBatch: microBatch, through: nil)
    }

    /// The same; what exchanges gradients hears which of them are complete while others are still
    /// computed.
    func addGradients(
        of batch: PackedBatch, batchWeight: Double, seed: UInt64, step: Int, microBatch: Int, through stream: GradientStream?
    ) throws -> Measures {
        var batch = batch
        if let teacher {
            let answer = try teacher.answer(to: batch, isTimed: isTimed, unless: isCancelled)
            batch.guide = answer.states
            if let times = answer.times { timed.append(times) }
        }
        let program = try program(for: batch, isTraining: true)
        try program.write([1 / Float(batchWeight > 0 ? batchWeight : 1)], to: ProgramInput.lossScale)
        try program.write([batchWeight > 0 ? Float(batch.weight / batchWeight) : 0], to: ProgramInput.batchShare)
        if programs.model.usesRandomNumbers {
            let state = [
                UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: step),
                UInt32(truncatingIfNeeded: microBatch),
            ]
            try program.write(state, to: ModelInput.randomState)
        }
        return try run(program, batch, isTimed: isTimed, through: stream)
    }

    /// What the objective measures of a micro-batch, without gradients.
    package func evaluate(_ batch: PackedBatch) throws -> Measures {
        let program = try program(for: batch, isTraining: false)
        try program.write([Float(1)], to: ProgramInput.lossScale)
        return try run(program, batch)
    }

    /// The log-probability of the trained tokens of each run, of runs that fit a micro-batch.
    /// - Throws: `Cancelled`, and what the device throws.
    package func logLikelihoods(of runs: [TokenizedExample]) throws -> [Double] {
        let counts = runs.map(\.trainedTokenCount)
        let size = size(tokens: runs.reduce(0) { $0 + $1.ids.count }, trained: counts.reduce(0, +)) { .likelihood($0) }
        let batch = PackedBatch(
            runs.map { Sample([$0]) }, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount,
            window: programs.model.configuration.slidingWindow, rotary: programs.model.rotaryRows)
        let program = try cache.program(.likelihood(size), unless: isCancelled)
        try program.write([Float(1)], to: ProgramInput.lossScale)
        try program.write(batch)
        try program.executable.run(unless: isCancelled)
        let losses = try program.executable.readFloats(ProgramOutput.losses, count: batch.trainedCapacity)
        var start = 0
        return counts.map { count in
            defer { start += count }
            return losses[start..<start + count].reduce(0.0) { $0 - Double($1) }
        }
    }

    /// Whether steps are timed call by call; what they compute is the same.
    package var isTimed = false
    private var timed: [ProgramTimes] = []

    /// What the programs took that have run since the last call while ``isTimed``.
    package func takeTimes() -> [ProgramTimes] {
        defer { timed = [] }
        return timed
    }

    /// The time of each kernel in a forward and backward pass over the batch that ran last and in
    /// an update, which is applied with a rate of zero.
    /// - Precondition: ``addGradients(of:batchWeight:seed:step:microBatch:)`` has run this batch,
    ///   so the program's inputs are written.
    package func profile(_ batch: PackedBatch) throws -> [ProgramTimes] {
        let program = try program(for: batch, isTraining: true)
        let gradients = try program.executable.profile()
        try writeScalars(step: 1, learningRate: 0)
        let squares = try squaresProgram.map { ProgramTimes(program: "norm", plan: $0.plan, seconds: try $0.executable.profile()) }
        let update = try updateProgram.executable.profile()
        return [ProgramTimes(program: "forward and backward", plan: program.plan, seconds: gradients, visiblePairs: batch.visiblePairs)]
            + (squares.map { [$0] } ?? []) + [ProgramTimes(program: "update", plan: updateProgram.plan, seconds: update)]
    }

    /// Arithmetic and memory traffic of a whole step of one micro-batch: forward, backward, update.
    package func stepCost(_ batch: PackedBatch) throws -> Cost {
        try program(for: batch, isTraining: true).plan.cost(visiblePairs: batch.visiblePairs) + updateProgram.plan.cost
    }

    /// The sum of the squares of the gradients of each page that this process steps, where several
    /// processes do.
    func squares() throws -> [Float] {
        guard let program = squaresProgram, let count = programs.shares?.own.count else { return [] }
        if isTimed {
            timed.append(ProgramTimes(program: "norm", plan: program.plan, seconds: try program.executable.profile()))
        } else {
            try program.executable.run()
        }
        return try program.executable.readFloats(ProgramOutput.squares, count: count)
    }

    /// Says what all processes have found by ``squares()``, in the order of pages, for the next
    /// ``update(learningRate:step:)``.
    func take(squares: [Float]) throws { try updateProgram.write(squares, to: ProgramInput.squares) }

    /// Applies the collected gradients and sets them to zero; returns their global norm before
    /// clipping. If the norm is not finite, parameters and the optimizer's state are left as they
    /// were.
    /// - Parameter step: counts from 1.
    package func update(learningRate: Double, step: Int) throws -> Double {
        try writeScalars(step: step, learningRate: learningRate)
        if isTimed {
            timed.append(ProgramTimes(program: "update", plan: updateProgram.plan, seconds: try updateProgram.executable.profile()))
        } else {
            try updateProgram.executable.run()
        }
        return Double(try updateProgram.executable.readFloats(ProgramOutput.norm, count: 2)[0])
    }

    private func writeScalars(step: Int, learningRate: Double) throws {
        for factor in programs.model.trainables.rateFactors {
            let scalars = programs.optimizer.scalars(step: step, learningRate: learningRate * factor)
            try updateProgram.write(scalars, to: ProgramInput.scalars(at: factor))
        }
    }

    private func run(
        _ program: Program, _ batch: PackedBatch, isTimed: Bool = false, through stream: GradientStream? = nil
    ) throws -> Measures {
        try program.write(batch)
        let executable = program.executable
        if isTimed {
            let seconds = try executable.profile()
            timed.append(
                ProgramTimes(program: "forward and backward", plan: program.plan, seconds: seconds, visiblePairs: batch.visiblePairs))
        } else if let stream {
            try stream.begin(ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity), program.plan)
            do {
                try executable.run(unless: { !stream.goesOn() || isCancelled() }, after: { try stream.take(done: $0) })
            } catch is Cancelled {
                try stream.rethrow()
                throw Cancelled()
            }
        } else {
            try executable.run(unless: isCancelled)
        }
        return try programs.objective.measures(of: batch) { output, count in try executable.readFloats(output, count: count) }
    }

    private func program(for batch: PackedBatch, isTraining: Bool) throws -> Program {
        let size = ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity)
        return try cache.program(isTraining ? .gradients(size) : .evaluation(size), unless: isCancelled)
    }
}
