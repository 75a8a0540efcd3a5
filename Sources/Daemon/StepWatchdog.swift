import Jobs

/// Finds workers that hang: no sign of life for ten times the median step, five minutes at least.
///
/// A sign of life is any change of the worker's ``Pulse``. Before the first step and while the
/// result is written there is no step to compare with; a limit of its own holds then.
struct StepWatchdog: Sendable {
    struct Limits: Sendable, Hashable {
        /// Seconds that a training worker may always be silent.
        var minimum = 300.0
        /// Times the median step.
        var factor = 10.0
        /// Seconds of silence outside of steps: reading data, loading weights, compiling kernels,
        /// writing the result.
        var outsideSteps = 3600.0
        /// Seconds until the first sign of life.
        var beforeFirstSign = 3600.0
    }
    private let limits: Limits
    private var lastPulse: Pulse?
    private var hasShownSign = false
    private var lastChange: Double
    private var stepBegan: (step: Int, time: Double)?
    private var durations: [Double] = []

    init(_ limits: Limits, now: Double) {
        self.limits = limits
        lastChange = now
    }

    /// The median of the last steps in seconds, or nil before there were any.
    var medianStep: Double? {
        guard !durations.isEmpty else { return nil }
        return durations.sorted()[durations.count / 2]
    }

    /// - Parameters:
    ///   - pulse: what the worker last said of itself, if anything.
    ///   - now: seconds of the monotonic clock.
    /// - Returns: the seconds of silence, if they are too many.
    mutating func silence(_ pulse: Pulse?, now: Double) -> Double? {
        if pulse != lastPulse {
            if let pulse, pulse.phase.isStep {
                if let began = stepBegan, pulse.step > began.step {
                    durations.append((now - began.time) / Double(pulse.step - began.step))
                    if durations.count > 64 { durations.removeFirst() }
                }
                if stepBegan?.step != pulse.step { stepBegan = (pulse.step, now) }
            }
            lastPulse = pulse
            lastChange = now
            hasShownSign = true
            return nil
        }
        var limit = hasShownSign ? limits.outsideSteps : limits.beforeFirstSign
        if pulse?.phase.isStep == true { limit = max(limits.minimum, limits.factor * (medianStep ?? 0)) }
        return now - lastChange > limit ? now - lastChange : nil
    }
}
