import Glibc
import Tensors
import Testing

@testable import CPUBackend

@Suite struct VectorFunctionTests {
    /// The largest error in units in the last place over arguments spread evenly, and at their
    /// ends.
    private func worstError(
        _ range: ClosedRange<Double>, _ function: (Vector) -> Vector, _ exact: (Double) -> Double
    ) -> (error: Double, at: Float) {
        var worst = (error: 0.0, at: Float(0))
        let count = 200_000
        for start in stride(from: 0, to: count, by: 16) {
            var x = Vector.zero
            for lane in 0..<16 {
                x[lane] = Float(range.lowerBound + (range.upperBound - range.lowerBound) * Double(start + lane) / Double(count - 1))
            }
            let y = function(x)
            for lane in 0..<16 {
                let wanted = exact(Double(x[lane]))
                let unit = Double(max(Float(abs(wanted)).ulp, Float.leastNormalMagnitude.ulp))
                let error = abs(Double(y[lane]) - wanted) / unit
                if !(error <= worst.error) { worst = (error, x[lane]) }
            }
        }
        return worst
    }

    @Test func theExponentialIsWithinTwoUnitsInTheLastPlace() {
        let full = worstError(-86.6...88.7, exponential, { exp($0) })
        #expect(full.error <= 2, "\(full)")
        let near = worstError(-1...1, exponential, { exp($0) })
        #expect(near.error <= 2, "\(near)")
        let negative = worstError(-87...0, exponentialOfNegative, { exp($0) })
        #expect(negative.error <= 2, "\(negative)")
    }

    @Test func theExponentialEndsInZeroAndInfinityAndKeepsWhatIsNotANumber() {
        var x = Vector(repeating: -200)
        x[1] = 89
        x[2] = .infinity
        x[3] = -.infinity
        x[4] = .nan
        x[5] = 0
        x[6] = 1e30
        x[7] = -1e30
        let y = exponential(x)
        #expect(
            y[0] == 0 && y[1] == .infinity && y[2] == .infinity && y[3] == 0 && y[4].isNaN && y[5] == 1 && y[6] == .infinity && y[7] == 0)
        let z = exponentialOfNegative(x.replacing(with: -5, where: x .> 0))
        #expect(z[0] == 0 && z[3] == 0 && z[4].isNaN && z[5] == 1 && z[7] == 0)
    }

    @Test func theHyperbolicTangentIsWithinThreeUnitsInTheLastPlace() {
        for range in [-12.0...12.0, -0.7...0.7, -1e-3...1e-3] {
            let worst = worstError(range, hyperbolicTangent, { tanh($0) })
            #expect(worst.error <= 3, "\(worst)")
        }
        var x = Vector(repeating: 1e30)
        x[1] = -1e30
        x[2] = .nan
        let y = hyperbolicTangent(x)
        #expect(y[0] == 1 && y[1] == -1 && y[2].isNaN)
    }

    @Test func theNormalShareIsWithinThreeUnitsInTheLastPlaceOfOneAndNeverLeavesZeroToOne() {
        for start in stride(from: 0, to: 40_000, by: 16) {
            let x = Vector.broadcast(-10).addingProduct(lanes + Float(start), .broadcast(20 / 40_000))
            let y = normalShare(x)
            for lane in 0..<16 {
                let exact = erfc(-Double(x[lane]) / 2.0.squareRoot()) / 2
                #expect(abs(Double(y[lane]) - exact) <= 3 * 0x1p-23, "\(x[lane])")
                #expect(y[lane] >= 0 && y[lane] <= 1)
            }
        }
        let ends = normalShare(Vector(repeating: 1e30).replacing(with: -1e30, where: lanes .> 7))
        #expect(ends[0] == 1 && ends[8] == 0)
    }

    @Test func everyFloat16ComesBackFromFloat32() {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        var back = [UInt16](repeating: 0, count: halves.count)
        RowConversion.widen(halves, .float16, to: &floats, count: halves.count)
        RowConversion.narrow(floats, to: &back, .float16, count: halves.count)
        for (half, (float, again)) in zip(halves, zip(floats, back)) {
            let exponent = Int(half >> 10) & 31
            let fraction = Double(half & 1023)
            let sign = half & 0x8000 == 0 ? 1.0 : -1.0
            if exponent == 31 {
                #expect(fraction == 0 ? float == Float(sign) * .infinity && again == half : float.isNaN && again & 0x7fff > 0x7c00)
                continue
            }
            let value = exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * pow(2, Double(exponent - 25))
            #expect(Double(float) == sign * value && again == half, "\(half)")
        }
    }

    @Test func narrowNumbersAreRoundedToNearestAndTiesToEven() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let floats = (0..<19).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next() as UInt64)) }
            var halves = [UInt16](repeating: 0, count: floats.count)
            var brains = [UInt16](repeating: 0, count: floats.count)
            RowConversion.narrow(floats, to: &halves, .float16, count: floats.count)
            RowConversion.narrow(floats, to: &brains, .bfloat16, count: floats.count)
            for (float, (half, brain)) in zip(floats, zip(halves, brains)) {
                if float.isNaN {
                    #expect(half & 0x7fff > 0x7c00 && brain & 0x7fff > 0x7f80)
                    continue
                }
                #if !((os(macOS) || targetEnvironment(macCatalyst)) && arch(x86_64))
                    #expect(half == Float16(float).bitPattern, "\(float)")
                #endif
                let lower = Float(bitPattern: float.bitPattern & 0xffff_0000)
                let rest = float.bitPattern & 0xffff
                let isUp = rest > 0x8000 || (rest == 0x8000 && lower.bitPattern & 0x1_0000 != 0)
                #expect(UInt32(brain) == (lower.bitPattern >> 16) &+ (isUp ? 1 : 0), "\(float)")
            }
        }
    }
}
