/// Scales of groups with the least weighted square error: `x` is about `scale * q` with whole `q`
/// from `-largest` to `largest - 1`.
///
/// Quotients are tried for a row of scales around the one with which the number of the largest size
/// has the quotient `-largest`; for each, least squares give the scale (ggml's `make_qx_quants`).
struct ScaleSearch {
    let largest: Float
    /// Trials on both sides of the plain scale.
    private static let trials = 9
    private static let steps = [0] + Array(-trials ... -1) + Array(1...trials)
    private static let step: Float = 0.1
    /// A group without a larger number is one of zeros.
    private static let least: Float = 1e-15

    struct Found<Lanes: SIMD> where Lanes.Scalar == Float {
        var scales: Lanes
        var quotients: [Lanes]
    }

    /// - Parameter weight: how much an error in a number counts, by its place and itself.
    @inline(__always)
    func run<Lanes: SIMD>(_ numbers: [Lanes], weight: (Int, Lanes) -> Lanes) -> Found<Lanes> where Lanes.Scalar == Float {
        var (size, extreme) = (Lanes(), Lanes())
        for number in numbers {
            let magnitude = BlockNumbers.magnitude(number)
            let isLarger = magnitude .> size
            size = size.replacing(with: magnitude, where: isLarger)
            extreme = extreme.replacing(with: number, where: isLarger)
        }
        let isZero = size .< Self.least
        var found = Found(scales: Lanes(), quotients: numbers)
        var best = Lanes()
        var trial = numbers
        for step in Self.steps {
            let inverse = -(largest + Self.step * Float(step)) / extreme
            var (products, squares) = (Lanes(), Lanes())
            for index in 0..<numbers.count {
                let number = numbers[index]
                let quotient = BlockNumbers.clamped(BlockNumbers.nearest(inverse * number), -largest, largest - 1)
                trial[index] = quotient
                let weighted = weight(index, number)
                products += weighted * number * quotient
                squares += weighted * quotient * quotient
            }
            let isBetter = step == 0 ? .!isZero : (squares .> 0) .& (products * products .> best * squares) .& .!isZero
            let scale = (products / squares).replacing(with: 0, where: squares .== 0)
            found.scales = found.scales.replacing(with: scale, where: isBetter)
            best = best.replacing(with: scale * products, where: isBetter)
            for index in 0..<numbers.count {
                found.quotients[index] = found.quotients[index].replacing(with: trial[index], where: isBetter)
            }
        }
        // Beside a scale of zero any quotient means zero; the reference leaves the lowest.
        for index in 0..<numbers.count { found.quotients[index] = found.quotients[index].replacing(with: -largest, where: isZero) }
        return found
    }
}
