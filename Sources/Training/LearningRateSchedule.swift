import Glibc
package import Manifest

/// The learning rate of every step, by the rules of `transformers.get_scheduler`.
///
/// With `s` the number of steps done before (so the first step has `s` = 0): during the warm-up
/// `rate * s / warmup`, so the first step of a warm-up has rate 0; afterwards, with `p = (s -
/// warmup) / (total - warmup)`: constant `rate`, linear `rate * (1 - p)`, cosine `rate * (1 + cos(π
/// p)) / 2`, and the others as `docs/schedules.md` has them.
package struct LearningRateSchedule: Sendable, Hashable {
    package typealias Shape = Manifest.Schedule.Shape
    package var settings: Manifest.Schedule
    package var peakRate: Double
    package var warmupSteps: Int
    package var totalSteps: Int

    package init(_ settings: Manifest.Schedule, peakRate: Double, totalSteps: Int) {
        self.settings = settings
        self.peakRate = peakRate
        warmupSteps = settings.warmupSteps(of: totalSteps)
        self.totalSteps = totalSteps
    }

    package init(shape: Shape, peakRate: Double, warmupSteps: Int, totalSteps: Int) {
        var settings = Manifest.Schedule()
        (settings.shape, settings.warmupSteps) = (shape, warmupSteps)
        self.init(settings, peakRate: peakRate, totalSteps: totalSteps)
    }

    /// The rate of the step before which `stepsDone` steps were done.
    package func rate(stepsDone: Int) -> Double {
        switch settings.shape {
        case .constant, .linear, .cosine: usualRate(stepsDone)
        default: peakRate * factor(stepsDone)
        }
    }

    private func usualRate(_ stepsDone: Int) -> Double {
        if stepsDone < warmupSteps { return peakRate * Double(stepsDone) / Double(max(1, warmupSteps)) }
        let progress = min(1, Double(stepsDone - warmupSteps) / Double(max(1, totalSteps - warmupSteps)))
        switch settings.shape {
        case .linear: return peakRate * (1 - progress)
        case .cosine: return peakRate * wave(progress, settings.cycleCount ?? 0.5)
        default: return peakRate
        }
    }

    /// So many waves of a cosine from 1 on.
    private func wave(_ progress: Double, _ count: Double) -> Double { max(0, (1 + cos(2 * .pi * count * progress)) / 2) }

    private func factor(_ stepsDone: Int) -> Double {
        let (step, warmup) = (Double(stepsDone), Double(max(1, warmupSteps)))
        if stepsDone < warmupSteps {
            switch settings.shape {
            case .warmupStableDecay: return stableWarmup(step / warmup)
            case .cosineWarmupWithMinimum:
                guard let start = settings.warmupStartShare else { return (step + 1) / warmup }
                return start + (1 - start) * step / Double(max(1, warmupSteps - 1))
            default: return step / warmup
            }
        }
        let rest = Double(max(1, totalSteps - warmupSteps))
        let progress = (step - Double(warmupSteps)) / rest
        switch settings.shape {
        case .cosineWithRestarts:
            let turns = (settings.cycleCount ?? 1) * progress
            return progress >= 1 ? 0 : max(0, (1 + cos(.pi * (turns - turns.rounded(.down)))) / 2)
        case .cosineWithMinimum: return raised((1 + cos(2 * .pi * (settings.cycleCount ?? 0.5) * progress)) / 2, minimumShare)
        case .cosineWarmupWithMinimum:
            return raised((1 + cos(2 * .pi * (settings.cycleCount ?? 0.5) * (progress + 1 / rest))) / 2, minimumShare)
        case .polynomial:
            guard peakRate > 0 else { return 0 }
            let end = min(peakRate, settings.endRate ?? 1e-7)
            return ((peakRate - end) * pow(max(0, 1 - progress), settings.power ?? 1) + end) / peakRate
        case .inverseRoot:
            let scale = Double(settings.timescale ?? (warmupSteps > 0 ? warmupSteps : 10_000))
            return 1 / ((step + scale - Double(warmupSteps)) / scale).squareRoot()
        case .warmupStableDecay: return stableDecay(stepsDone)
        case .constantWithWarmup, .constant, .linear, .cosine: return 1
        }
    }

    /// The share of the highest rate at which a cosine ends.
    private var minimumShare: Double {
        settings.minimumShare ?? (peakRate > 0 ? (settings.minimumRate ?? 0) / peakRate : 0)
    }

    private func raised(_ factor: Double, _ minimum: Double) -> Double { max(0, factor * (1 - minimum) + minimum) }

    private func stableWarmup(_ progress: Double) -> Double {
        let factor =
            switch settings.warmupCurve ?? .linear {
            case .linear: progress
            case .cosine: (1 - cos(.pi * progress)) / 2
            case .root: 1 - (1 - progress).squareRoot()
            }
        return raised(factor, settings.minimumRatio ?? 0)
    }

    private func stableDecay(_ stepsDone: Int) -> Double {
        let decay = settings.decaySteps ?? 0
        let minimum = settings.minimumRatio ?? 0
        let begin = warmupSteps + (settings.stableSteps ?? totalSteps - warmupSteps - decay)
        if stepsDone < begin { return 1 }
        guard stepsDone < begin + decay else { return minimum }
        let progress = Double(stepsDone - begin) / Double(max(1, decay))
        let factor =
            switch settings.decayCurve ?? .cosine {
            case .linear: 1 - progress
            case .cosine: (1 + cos(2 * .pi * (settings.cycleCount ?? 0.5) * progress)) / 2
            case .root: 1 - progress.squareRoot()
            }
        return raised(factor, minimum)
    }
}
