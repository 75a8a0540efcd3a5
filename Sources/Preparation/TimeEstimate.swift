import Datasets
import Graph
import Profiling
import Ranks
import Tensors
import Training

/// How long a job will take, and what that is based on.
package struct TimeEstimate: Sendable, Hashable {
    package enum Basis: String, Sendable, Hashable {
        /// A few steps were done.
        case measuredSteps = "measured_steps"
        /// The plan's arithmetic over what the device attains in large products.
        case arithmetic
    }
    package var seconds: Double
    package var basis: Basis

    /// `3 h 20 min`, `45 s`.
    package var text: String {
        let whole = Int(min(seconds.rounded(.up), 1e9))
        if whole < 120 { return "\(max(1, whole)) s" }
        if whole < 7200 { return "\(whole / 60) min" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}

extension PreparedJob {
    /// Seconds of steps that are worth doing for an estimate.
    private static let trialSeconds = 2.0
    /// Share of the product's peak that whole steps attain, as measured on transformers of 100
    /// million parameters and more (docs/performance.md).
    private static let attainedShare = 0.6

    /// Tokens that the run computes, evaluations counted as a third of a step's work.
    private var computedTokens: Double {
        let perEpoch = TrainingRun.stepsPerEpoch(examples: training.count, batchSize: settings.batchSize)
        let epochs = Double(settings.totalSteps) / Double(max(1, perEpoch))
        // What the loss compares with is computed once: a third of a step's work too.
        let hasReference = ((objective as? any ComparingObjective)?.referenceCount ?? 0) > 0
        let passes = epochs.rounded(.up) + (hasReference ? 1 : 0)
        return Double(training.tokenCount) * (epochs + (hasReference ? 1.0 / 3 : 0)) + Double(validation?.tokenCount ?? 0) * passes / 3
    }

    /// Arithmetic of the whole run.
    package var floatingPointOperations: Double { computedTokens * plan.floatingPointOperations / Double(max(1, plan.size.tokenCount)) }

    /// Estimates the time of all steps: small jobs by doing a few, large ones by arithmetic.
    /// - Parameter trialBytes: a model whose session takes more than this is not loaded for it.
    /// - Throws: what the device throws.
    package func estimateTime(trialBytes: Int = 1 << 30) throws -> TimeEstimate {
        let peaks = try DevicePeaks.measured(on: device, types: [ElementType(rawValue: precision) ?? .float32], secondsPerKernel: 0.1)
        let perToken = plan.floatingPointOperations / Double(max(1, plan.size.tokenCount))
        let rate = peaks.operationsPerSecond(ElementType(rawValue: precision) ?? .float32)
        let byArithmetic = rate > 0 ? computedTokens * perToken / rate / Self.attainedShare : 0
        let passSeconds = rate > 0 ? plan.floatingPointOperations / rate : .infinity
        guard passSeconds < Self.trialSeconds / 4, plan.deviceBytes < trialBytes else {
            return TimeEstimate(seconds: byArithmetic, basis: .arithmetic)
        }
        // Steps of one micro-batch each.
        var trial = settings
        trial.lanes = Lanes(1)
        trial.batchSize = max(1, min(settings.batchSize, Int(Double(plan.size.tokenCount) / max(1, training.lengths.mean))))
        let run = TrainingRun(session: try makeSession(), training: training, validation: nil, settings: trial)
        var (tokens, seconds, spent) = (0, 0.0, 0.0)
        // The first step also makes the plans; the later ones say what a step takes.
        var steps = 0
        while steps < 12, spent < Self.trialSeconds, !run.isFinished {
            guard let result = try run.step() else { break }
            spent += result.seconds
            steps += 1
            if steps > 1 { (tokens, seconds) = (tokens + result.tokens, seconds + result.seconds) }
        }
        guard tokens > 0 else { return TimeEstimate(seconds: max(spent, byArithmetic), basis: .measuredSteps) }
        return TimeEstimate(seconds: computedTokens * seconds / Double(tokens), basis: .measuredSteps)
    }
}
