import Glibc

/// A number of a reference computation: its value in float64, and how far a careful float32
/// computation of it may be off.
///
/// Every operation adds what float32 rounding adds (running error analysis, Higham 2002, chapter
/// 3), so tolerances follow from the sizes of a case and need no tuning. Elementary functions are
/// allowed what the Vulkan specification allows them.
struct Bounded: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    var value: Double
    var error: Double

    /// Half a unit in the last place of 1.
    static let roundoff = 0x1p-24

    /// Numbers below this may become zero on the way.
    private static let flushed = 0x1p-125

    init(_ value: Double, error: Double = 0) {
        self.value = value
        self.error = error
    }

    init(floatLiteral value: Double) { self.init(value) }
    init(integerLiteral value: Int) { self.init(Double(value)) }
    init(_ value: Float) { self.init(Double(value)) }

    /// The number after one rounding, or several.
    private func rounded(_ times: Double = 1) -> Bounded { Bounded(value, error: error + times * Self.roundoff * abs(value)) }

    static func + (a: Bounded, b: Bounded) -> Bounded { Bounded(a.value + b.value, error: a.error + b.error).rounded() }
    static func - (a: Bounded, b: Bounded) -> Bounded { Bounded(a.value - b.value, error: a.error + b.error).rounded() }
    static prefix func - (a: Bounded) -> Bounded { Bounded(-a.value, error: a.error) }

    static func * (a: Bounded, b: Bounded) -> Bounded {
        Bounded(a.value * b.value, error: abs(a.value) * b.error + abs(b.value) * a.error + a.error * b.error).rounded()
    }

    /// 2.5 units in the last place, as Vulkan allows.
    static func / (a: Bounded, b: Bounded) -> Bounded {
        let quotient = a.value / b.value
        return Bounded(quotient, error: (a.error + abs(quotient) * b.error) / max(abs(b.value) - b.error, .leastNormalMagnitude)).rounded(5)
    }

    static func squareRoot(_ a: Bounded) -> Bounded {
        let root = a.value.squareRoot()
        return Bounded(root, error: root == 0 ? a.error.squareRoot() : a.error / root).rounded(8)
    }

    /// 3 + 2|x| units in the last place, as Vulkan allows.
    static func exponential(_ a: Bounded) -> Bounded {
        let result = exp(a.value)
        return Bounded(result, error: result * expm1(min(a.error, 1)) + flushed).rounded(8 + 4 * abs(a.value))
    }

    static func logarithm(_ a: Bounded) -> Bounded {
        let result = log(a.value)
        return Bounded(result, error: a.error / max(a.value - a.error, .leastNormalMagnitude) + 16 * roundoff).rounded(8)
    }

    /// May be computed from exponentials, which makes it accurate in relation to 1, not to itself.
    static func hyperbolicTangent(_ a: Bounded) -> Bounded {
        let result = tanh(a.value)
        return Bounded(result, error: a.error * (1 - result * result) + a.error * a.error + 32 * roundoff)
    }

    static func sigmoid(_ a: Bounded) -> Bounded {
        let result = 1 / (1 + exp(-a.value))
        return Bounded(result, error: a.error * result + flushed).rounded(24 + 4 * abs(a.value))
    }

    /// May be computed from a polynomial, which makes it accurate in relation to 1, not to itself.
    static func normalShare(_ a: Bounded) -> Bounded {
        Bounded(erfc(-a.value / 2.0.squareRoot()) / 2, error: 0.4 * a.error + 8 * roundoff)
    }

    static func normalDensity(_ a: Bounded) -> Bounded {
        let square = a * a * Bounded(-0.5)
        return exponential(square) * Bounded((0.5 / Double.pi).squareRoot(), error: roundoff)
    }

    /// The sum in any order: each of its roundings is at most that of the sum of the absolute
    /// values.
    static func sum(_ terms: some Collection<Bounded>) -> Bounded {
        var sum = Bounded(0)
        var magnitude = 0.0
        for term in terms {
            sum.value += term.value
            sum.error += term.error
            magnitude += abs(term.value)
        }
        sum.error += Double(terms.count) * roundoff * magnitude
        return sum
    }

    /// The scalar product of two vectors of exact numbers, in any order.
    static func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Bounded {
        var value = 0.0
        var magnitude = 0.0
        for (left, right) in zip(a, b) {
            value += left * right
            magnitude += abs(left * right)
        }
        return Bounded(value, error: Double(a.count + 1) * roundoff * magnitude)
    }
}
