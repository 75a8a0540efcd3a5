package import Graph
import Models
import Profiling
import Runtime

/// A model beside the one that is trained, of which its loss asks what it would say: the hidden
/// states behind its last norm of the rows that the loss looks at.
///
/// All its weights are frozen, and its head over the vocabulary is not among them: that lies in the
/// student's memory (``TeacherHead``), so that the logits are made a chunk of rows at a time, like
/// the student's.
package final class Teacher {
    private let programs: Programs
    private let cache: ProgramCache<ProgramKey>
    private let largest: ProgramSize
    package let head: TeacherHead

    /// Allocates and fills its memory, and an arena for micro-batches up to a size.
    /// - Throws: as ``TrainingSession`` does.
    package init(_ teacher: TeacherModel, device: any ComputeDevice, largest: ProgramSize) throws {
        let programs = teacher.programs
        self.programs = programs
        self.largest = largest
        head = teacher.head
        let loaded = try LoadedModel(teacher.model, on: device)
        cache = try ProgramCache(loaded, largest: [.evaluation(largest)]) { try programs.graph($0) }
    }

    /// What it says of a student's micro-batch, and the program that computed it.
    struct Answer {
        /// `[trainedCapacity, features]` of the micro-batch, zeros in rows that fill up.
        var states: [Float]
        /// Where the time went, where it was measured.
        var times: ProgramTimes?
    }

    /// - Parameters:
    ///   - isTimed: whether each kernel call is timed.
    ///   - isCancelled: asked several times a second.
    /// - Throws: `Cancelled`, and what the device throws.
    func answer(to batch: PackedBatch, isTimed: Bool, unless isCancelled: () -> Bool) throws -> Answer {
        let model = programs.model
        let wanted = ProgramSize(tokenCount: batch.tokenCapacity, trainedCount: batch.trainedCapacity)
        // A smaller program can need a little more than the largest.
        let size = cache.fits(.evaluation(wanted)) ? wanted : largest
        let program = try cache.program(.evaluation(size), unless: isCancelled)
        let own = PackedBatch(batch, size, window: model.configuration.slidingWindow, rotary: model.rotaryRows)
        try program.write(own)
        var times: ProgramTimes?
        if isTimed {
            let seconds = try program.executable.profile()
            times = ProgramTimes(program: "teacher", plan: program.plan, seconds: seconds, visiblePairs: own.visiblePairs)
        } else {
            try program.executable.run(unless: isCancelled)
        }
        let width = model.configuration.hiddenSize
        let states = try program.executable.readFloats(HiddenStates.output, count: size.trainedCount * width)
        let used = batch.lossRowCount * width
        let rest = batch.trainedCapacity * width - used
        return Answer(states: Array(states.prefix(used)) + Array(repeating: 0, count: max(0, rest)), times: times)
    }
}
