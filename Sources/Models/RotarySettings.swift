import Glibc

/// How positions become angles.
package struct RotarySettings: Sendable, Hashable {
    package enum Scaling: Sendable, Hashable {
        case none
        /// All frequencies divided by a factor.
        case linear(factor: Double)
        /// NTK-aware scaling that grows with the example (Reddit users bloc97 and emozilla, 2023):
        /// nothing is scaled up to `maximumPositions`, and longer examples are refused, since each
        /// length would turn by angles of its own.
        case dynamic(factor: Double, maximumPositions: Int)
        /// YaRN (Peng et al. 2023, arXiv:2309.00071): frequencies that turn more than
        /// `fastRotations` times in the original positions are kept, those below `slowRotations`
        /// divided by a factor, those between interpolated.
        case yarn(
            factor: Double, originalPositions: Int, fastRotations: Double, slowRotations: Double, roundsRange: Bool, attentionFactor: Double
        )
        /// Llama 3: low frequencies divided by a factor, high ones kept, those between
        /// interpolated.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
        /// LongRoPE (Ding et al. 2024, arXiv:2402.13753): a divisor for each frequency, one set for
        /// short and one for long examples.
        case longrope(shortFactors: [Double], longFactors: [Double], originalPositions: Int, attentionFactor: Double)
    }
    /// The base of the geometric series of frequencies (`rope_theta`).
    package var base: Double
    /// Columns of a head that are rotated, an even number.
    package var width: Int
    package var scaling: Scaling

    package init(base: Double, width: Int, scaling: Scaling) {
        self.base = base
        self.width = width
        self.scaling = scaling
    }

    /// Examples longer than this use the second set of factors; nil where there is one set.
    package var originalPositions: Int? {
        if case .longrope(_, _, let original, _) = scaling { original } else { nil }
    }

    package var setCount: Int { originalPositions == nil ? 1 : 2 }

    /// The angle that each pair of columns turns by a position, for a set of factors.
    func frequencies(set: Int) -> [Double] {
        let ramp = yarnRamp
        return (0..<(width / 2)).map { index in
            let frequency = pow(base, -2 * Double(index) / Double(width))
            switch scaling {
            case .none, .dynamic: return frequency
            case .yarn(let factor, _, _, _, _, _):
                let share = min(1, max(0, (Double(index) - ramp.low) / (ramp.high - ramp.low)))
                return frequency / factor * share + frequency * (1 - share)
            case .linear(let factor): return frequency / factor
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / frequency
                if wavelength < Double(original) / high { return frequency }
                if wavelength > Double(original) / low { return frequency / factor }
                let share = (Double(original) / wavelength - low) / (high - low)
                return (1 - share) * frequency / factor + share * frequency
            case .longrope(let short, let long, _, _):
                let factors = set == 0 ? short : long
                return frequency / (index < factors.count ? factors[index] : 1)
            }
        }
    }

    /// Between which pairs of columns YaRN goes over from kept to divided frequencies.
    private var yarnRamp: (low: Double, high: Double) {
        guard case .yarn(_, let original, let fast, let slow, let roundsRange, _) = scaling else { return (0, 1) }
        /// The pair that turns so many times in the original positions.
        func place(_ rotations: Double) -> Double {
            Double(width) * log(Double(original) / (rotations * 2 * Double.pi)) / (2 * log(base))
        }
        var (low, high) = (place(fast), place(slow))
        if roundsRange { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(width - 1)))
        return (low, low == high ? high + 0.001 : high)
    }

    /// What cosines and sines are multiplied by.
    var amplitude: Double {
        switch scaling {
        case .yarn(_, _, _, _, _, let factor), .longrope(_, _, _, let factor): factor
        default: 1
        }
    }

    /// Examples of more tokens cannot be computed; nil where there is no limit.
    var longestExample: Int? {
        if case .dynamic(_, let maximum) = scaling { maximum } else { nil }
    }

    /// Cosines, then sines, for each position of each set: `[setCount * positions, width]`,
    /// computed in double precision.
    package func table(positions: Int) -> [Float] {
        let amplitude = amplitude
        var table: [Float] = []
        table.reserveCapacity(setCount * positions * width)
        for set in 0..<setCount {
            let frequencies = frequencies(set: set)
            for position in 0..<positions {
                table += frequencies.map { Float(cos(Double(position) * $0) * amplitude) }
                table += frequencies.map { Float(sin(Double(position) * $0) * amplitude) }
            }
        }
        return table
    }
}
