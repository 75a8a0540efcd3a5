/// Scale and minimum of eight groups of 32 numbers with the least weighted square error: `x` is
/// about `scale * q - minimum` with whole `q` from 0 to the largest.
///
/// Quotients are tried for a row of scales around the plain one; for each, weighted least squares
/// give scale and minimum (ggml's `make_qkx2_quants`).
struct MinimumSearch {
    typealias Lanes = SIMD8<Float>
    typealias Vectors = UnsafeMutablePointer<Lanes>

    /// The largest quotient.
    let largest: Float
    /// Trials divide by `largest + first`, `largest + first + 0.1` and so on.
    let firstTrial: Float
    let trialCount: Int
    private static let step: Float = 0.1
    private static let count = GroupNumbers<Lanes>.groupLength

    struct Found {
        var scales: Lanes
        /// What is taken away; at least 0.
        var minima: Lanes
        var quotients: GroupNumbers<Lanes>
    }

    func run(_ numbers: GroupNumbers<Lanes>, weights: GroupNumbers<Lanes>) -> Found {
        var found = Found(scales: Lanes(), minima: Lanes(), quotients: GroupNumbers())
        numbers.withVectors { numbers in
            weights.withVectors { weights in
                found.quotients.withMutableVectors { quotients in
                    withUnsafeTemporaryAllocation(of: Lanes.self, capacity: Self.count) { trial in
                        guard let trial = trial.baseAddress else { return }
                        (found.scales, found.minima) = search(numbers, weights, quotients, trial)
                    }
                }
            }
        }
        return found
    }

    /// - Parameters:
    ///   - best: gets the quotients of what is found.
    ///   - trial: room for quotients.
    private func search(
        _ numbers: UnsafePointer<Lanes>, _ weights: UnsafePointer<Lanes>, _ best: Vectors, _ trial: Vectors
    ) -> (scales: Lanes, minima: Lanes) {
        var (lowest, highest) = (numbers[0], numbers[0])
        var (weightSum, sum) = (Lanes(), Lanes())
        for index in 0..<Self.count {
            let (number, weight) = (numbers[index], weights[index])
            lowest = lowest.replacing(with: number, where: number .< lowest)
            highest = highest.replacing(with: number, where: number .> highest)
            weightSum += weight
            sum += weight * number
        }
        lowest = lowest.replacing(with: 0, where: lowest .> 0)
        let isFlat = highest .== lowest
        let inverse = largest / (highest - lowest)
        var (scales, minima, leastError) = (1 / inverse, lowest, Lanes())
        for index in 0..<Self.count {
            let quotient = quotient(inverse * (numbers[index] - lowest))
            best[index] = quotient.replacing(with: 0, where: isFlat)
            let distance = scales * quotient + lowest - numbers[index]
            leastError += weights[index] * (distance * distance)
        }
        for step in 0...trialCount {
            let inverse = ((firstTrial + Self.step * Float(step)) + largest) / (highest - minima)
            var (quotients, squares, products) = (Lanes(), Lanes(), Lanes())
            for index in 0..<Self.count {
                let number = numbers[index]
                let quotient = quotient(inverse * (number - minima))
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
            for index in 0..<Self.count {
                let distance = scale * trial[index] + minimum - numbers[index]
                error += weights[index] * (distance * distance)
            }
            let isBetter = (determinant .> 0) .& (error .< leastError) .& .!isFlat
            if !any(isBetter) { continue }
            leastError = leastError.replacing(with: error, where: isBetter)
            scales = scales.replacing(with: scale, where: isBetter)
            minima = minima.replacing(with: minimum, where: isBetter)
            for index in 0..<Self.count { best[index] = best[index].replacing(with: trial[index], where: isBetter) }
        }
        return (scales.replacing(with: 0, where: isFlat), -minima)
    }

    @inline(__always)
    private func quotient(_ number: Lanes) -> Lanes { BlockNumbers.clamped(BlockNumbers.nearest(number), 0, largest) }
}
