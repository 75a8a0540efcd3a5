/// Scale and minimum of eight groups of 32 numbers with the least weighted square error: `x` is
/// about `scale * q - minimum` with whole `q` from 0 to the largest.
///
/// Quotients are tried for a row of scales around the plain one; for each, weighted least squares
/// give scale and minimum (ggml's `make_qkx2_quants`).
struct MinimumSearch {
    typealias Lanes = SIMD8<Float>

    /// The largest quotient.
    let largest: Float
    /// Trials divide by `largest + first`, `largest + first + 0.1` and so on.
    let firstTrial: Float
    let trialCount: Int
    private static let step: Float = 0.1

    struct Found {
        var scales: Lanes
        /// What is taken away; at least 0.
        var minima: Lanes
        var quotients: GroupNumbers<Lanes>
    }

    func run(_ numbers: GroupNumbers<Lanes>, weights: GroupNumbers<Lanes>) -> Found {
        var (lowest, highest) = (numbers[0], numbers[0])
        var (weightSum, sum) = (Lanes(), Lanes())
        for index in 0..<numbers.count {
            let (number, weight) = (numbers[index], weights[index])
            lowest = lowest.replacing(with: number, where: number .< lowest)
            highest = highest.replacing(with: number, where: number .> highest)
            weightSum += weight
            sum += weight * number
        }
        lowest = lowest.replacing(with: 0, where: lowest .> 0)
        let isFlat = highest .== lowest
        let inverse = largest / (highest - lowest)
        var found = Found(scales: 1 / inverse, minima: lowest, quotients: GroupNumbers())
        var best = Lanes()
        for index in 0..<numbers.count {
            let quotient = quotient(inverse * (numbers[index] - lowest))
            found.quotients[index] = quotient
            let distance = found.scales * quotient + lowest - numbers[index]
            best += weights[index] * (distance * distance)
        }
        var trial = GroupNumbers<Lanes>()
        for step in 0...trialCount {
            let inverse = ((firstTrial + Self.step * Float(step)) + largest) / (highest - found.minima)
            var (quotients, squares, products) = (Lanes(), Lanes(), Lanes())
            for index in 0..<numbers.count {
                let number = numbers[index]
                let quotient = quotient(inverse * (number - found.minima))
                trial[index] = quotient
                let weighted = weights[index] * quotient
                quotients += weighted
                squares += weighted * quotient
                products += weighted * number
            }
            let determinant = weightSum * squares - quotients * quotients
            var scale = (weightSum * products - sum * quotients) / determinant
            var minimum = (squares * sum - quotients * products) / determinant
            let isPositive = minimum .> 0
            scale = scale.replacing(with: products / squares, where: isPositive)
            minimum = minimum.replacing(with: 0, where: isPositive)
            var error = Lanes()
            for index in 0..<numbers.count {
                let distance = scale * trial[index] + minimum - numbers[index]
                error += weights[index] * (distance * distance)
            }
            let isBetter = (determinant .> 0) .& (error .< best) .& .!isFlat
            if !any(isBetter) { continue }
            best = best.replacing(with: error, where: isBetter)
            found.scales = found.scales.replacing(with: scale, where: isBetter)
            found.minima = found.minima.replacing(with: minimum, where: isBetter)
            for index in 0..<numbers.count {
                found.quotients[index] = found.quotients[index].replacing(with: trial[index], where: isBetter)
            }
        }
        found.scales = found.scales.replacing(with: 0, where: isFlat)
        found.minima = -found.minima
        for index in 0..<numbers.count { found.quotients[index] = found.quotients[index].replacing(with: 0, where: isFlat) }
        return found
    }

    @inline(__always)
    private func quotient(_ number: Lanes) -> Lanes { BlockNumbers.clamped(BlockNumbers.nearest(number), 0, largest) }
}
