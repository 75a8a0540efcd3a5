import Basics
import Jobs
import Spool
import Storage

/// The worker's sign of life.
final class PulseFile {
    private let file: LiveFile
    private var pulse = Pulse(phase: .preparing, step: 0, beat: 0)
    private var lastBeat = -Double.infinity

    init(_ folder: JobFolder) {
        file = LiveFile(folder.pulseFile)
        file.write(pulse.line)
    }

    /// Says what is being done now.
    func enter(_ phase: Pulse.Phase, step: Int) {
        pulse.phase = phase
        pulse.step = step
        pulse.beat &+= 1
        file.write(pulse.line)
    }

    /// Says that something moves; ten times a second at most.
    func beat() {
        let now = MonotonicClock.seconds()
        guard now - lastBeat > 0.1 else { return }
        lastBeat = now
        pulse.beat &+= 1
        file.write(pulse.line)
    }

    /// The worker ends in order: only one that dies leaves its last sign behind.
    func end() { file.remove() }
}
