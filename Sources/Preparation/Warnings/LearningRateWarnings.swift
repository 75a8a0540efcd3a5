import Manifest
import Training

extension WarningRule {
    /// A run that ends before its warm-up does never reaches the rate that was asked for.
    static let warmupTooLong = WarningRule(code: "warmup_too_long", param: "schedule.warmup_steps") { figures in
        let (warmup, steps) = (figures.schedule.warmupSteps, figures.stepCount)
        guard warmup >= steps, warmup > 0 else { return nil }
        let highest = figures.schedule.rate(stepsDone: max(0, steps - 1))
        let comparison = warmup > steps ? "longer than" : "as long as"
        return "the warm-up (\(warmup) steps) is \(comparison) the run (\(steps) steps): the highest rate will be \(short(highest)), "
            + "not \(short(figures.schedule.peakRate))"
    }

    static let learningRateZero = WarningRule(code: "learning_rate_zero", param: "learning_rate") { figures in
        figures.schedule.peakRate == 0 ? "the learning rate is 0: nothing will change" : nil
    }

    /// Rates beyond these bounds around the method's own have no use in the literature that the
    /// defaults come from: below, nothing is learnt in a run of usual length; above, training
    /// diverges.
    static let learningRateUnusual = WarningRule(code: "learning_rate_unusual", param: "learning_rate") { figures in
        let rate = figures.schedule.peakRate
        let usual = PreparedJob.baseRate(figures.manifest)
        guard rate > 0, rate < usual / 100 || rate > usual * 25 else { return nil }
        return "the learning rate \(short(rate)) is far \(rate < usual ? "below" : "above") what is usual here (\(short(usual)))"
    }

    /// `4.0e-06` as people write it: `4e-6`; three digits.
    static func short(_ number: Double) -> String {
        guard number != 0, number.isFinite else { return "0" }
        if number >= 0.001, number < 1000 { return trimmed((number * 1e6).rounded() / 1e6) }
        var exponent = 0
        var mantissa = number
        while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        let rounded = (mantissa * 100).rounded() / 100
        return rounded == 10 ? "1.0e\(exponent + 1)" : "\(rounded)e\(exponent)"
    }

    private static func trimmed(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
}
