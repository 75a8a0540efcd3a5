import Glibc
package import Manifest

/// The learning rate of every step, by the rules of `transformers.get_scheduler`.
///
/// With `s` the number of steps done before (so the first step has `s` = 0): during the warm-up
/// `rate * s / warmup`, so the first step of a warm-up has rate 0; afterwards, with `p = (s -
/// warmup) / (total - warmup)`: constant `rate`, linear `rate * (1 - p)`, cosine `rate * (1 + cos(π
/// p)) / 2`.
package struct LearningRateSchedule: Sendable, Hashable {
    package typealias Shape = Manifest.Schedule.Shape
    package var shape: Shape
    package var peakRate: Double
    package var warmupSteps: Int
    package var totalSteps: Int

    package init(shape: Shape, peakRate: Double, warmupSteps: Int, totalSteps: Int) {
        self.shape = shape
        self.peakRate = peakRate
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The rate of the step before which `stepsDone` steps were done.
    package func rate(stepsDone: Int) -> Double {
        if stepsDone < warmupSteps { return peakRate * Double(stepsDone) / Double(max(1, warmupSteps)) }
        let progress = min(1, Double(stepsDone - warmupSteps) / Double(max(1, totalSteps - warmupSteps)))
        switch shape {
        case .constant: return peakRate
        case .linear: return peakRate * (1 - progress)
        case .cosine: return peakRate * (1 + cos(.pi * progress)) / 2
        }
    }
}
