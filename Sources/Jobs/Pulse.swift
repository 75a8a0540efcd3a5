/// What a worker says of itself while it works, in a small file that it overwrites in place.
///
/// It is not synced: it must outlive the worker, not the machine.
package struct Pulse: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable {
        case preparing
        /// The first step of this worker: programs are still made, and nothing has been done yet
        /// that would be worth keeping.
        case firstStep = "first_step"
        case step, evaluation, result

        /// Whether the worker can be ended at once, since nothing is lost.
        package var hasNothingToKeep: Bool { self == .preparing || self == .firstStep }
        /// Whether a step is being done, or the evaluation after it.
        package var isStep: Bool { self == .firstStep || self == .step || self == .evaluation }
    }
    package var phase: Phase
    /// The step being done, counted from 1; 0 before the first.
    package var step: Int
    /// Grows with every micro-batch.
    package var beat: Int

    package init(phase: Phase, step: Int, beat: Int) {
        self.phase = phase
        self.step = step
        self.beat = beat
    }

    /// One line of fixed width, so that overwriting leaves nothing of the line before.
    package var line: String {
        let text = "\(phase.rawValue) \(step) \(beat)"
        return text + String(repeating: " ", count: max(0, Self.width - text.utf8.count)) + "\n"
    }

    static let width = 63

    package init?(line: some StringProtocol) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 3, let phase = Phase(rawValue: String(words[0])), let step = Int(words[1]), let beat = Int(words[2]), step >= 0
        else { return nil }
        self.init(phase: phase, step: step, beat: beat)
    }
}
