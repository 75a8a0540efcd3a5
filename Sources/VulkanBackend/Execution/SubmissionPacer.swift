import Graph

/// Cuts the work of a plan into submissions that take about as long as a desktop can wait, and no
/// longer than a driver's watchdog allows.
///
/// How long a kernel will take is guessed from its counted arithmetic and traffic; every run
/// corrects the guess by what was measured, for plans that are prepared later; a plan that runs
/// corrects itself (``SubmissionSchedule``).
final class SubmissionPacer {
    /// A submission should take this long; drivers reset a device that is silent for two seconds.
    static let submissionSeconds = 0.05

    let operationsPerSecond: Double
    private let bytesPerSecond: Double
    /// Measured by guessed time: the slowest seen, forgotten slowly.
    private var correction = 1.0

    init(_ device: PhysicalDevice) {
        // Guesses for a slow device of its kind: too many submissions cost little, too long ones
        // cost the device.
        operationsPerSecond = device.isProcessor ? 3e9 : device.preference >= 3 ? 1e12 : 1e11
        bytesPerSecond = device.isProcessor ? 1e9 : device.preference >= 3 ? 1e11 : 1e10
    }

    /// Seconds that a call is guessed to take, before correction.
    func guess(_ call: KernelCall) -> Double {
        let cost = call.operation.cost(inputs: call.inputs.map(\.type), outputs: call.outputs.map(\.type))
        return cost.floatingPointOperations / operationsPerSecond + (cost.bytesRead + cost.bytesWritten) / bytesPerSecond
    }

    func corrected(_ guess: Double) -> Double { guess * correction }

    /// Takes note of a run.
    func learn(guessed: Double, measured: Double) {
        guard guessed > 0, measured > 0 else { return }
        let ratio = measured / guessed
        correction = ratio > correction ? ratio : 0.9 * correction + 0.1 * ratio
    }
}
