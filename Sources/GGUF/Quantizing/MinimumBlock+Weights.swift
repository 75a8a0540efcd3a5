/// Blocks of 256 in 4 and in 5 bits whose weighted square error is small in what is stored.
extension MinimumBlock {
    /// Times that scale and minimum of the block are found again for the quotients that there are.
    private static let rounds = 4

    /// Groups are searched by the weights. Then the two halves of the block are the least squares'
    /// answer to all quotients, and the groups' steps and the quotients follow from them, as long
    /// as that errs less.
    init(_ pointer: UnsafePointer<Float>, weights: UnsafePointer<Float>, _ search: MinimumSearch) {
        let (numbers, weights) = (GroupNumbers<Lanes>(pointer), GroupNumbers<Lanes>(weights))
        let found = search.run(numbers, weights: weights)
        var fit = Fit(numbers, weights, found, search, scale: found.scales.max() / 63, minimum: found.minima.max() / 63)
        var best = fit
        for _ in 0..<Self.rounds {
            guard let (scale, minimum) = fit.halves(numbers, weights) else { break }
            fit = Fit(numbers, weights, found, search, scale: scale, minimum: minimum)
            guard fit.error < best.error else { break }
            best = fit
        }
        self.init(
            scale: best.scale, minimum: best.minimum, scales: best.scales, minima: best.minima, quotients: best.quotients)
    }

    /// What a block of these halves holds.
    private struct Fit {
        let scale: Float
        let minimum: Float
        let scales: Lanes
        let minima: Lanes
        let quotients: GroupNumbers<Lanes>
        private(set) var error: Float = 0

        init(
            _ numbers: GroupNumbers<Lanes>, _ weights: GroupNumbers<Lanes>, _ found: MinimumSearch.Found, _ search: MinimumSearch,
            scale: Float,
            minimum: Float
        ) {
            func steps(_ values: Lanes, of half: Float) -> Lanes {
                half > 0 ? BlockNumbers.clamped(BlockNumbers.nearest(values / half), 0, 63) : Lanes()
            }
            (self.scale, self.minimum) = (BlockNumbers.throughHalf(max(0, scale)), BlockNumbers.throughHalf(max(0, minimum)))
            (scales, minima) = (steps(found.scales, of: self.scale), steps(found.minima, of: self.minimum))
            let (scaled, lowest) = (self.scale * scales, self.minimum * minima)
            quotients = MinimumBlock.quotients(numbers, found, scaled: scaled, lowest: lowest, search)
            var errors = Lanes()
            for index in 0..<numbers.count {
                let distance = scaled * quotients[index] - lowest - numbers[index]
                errors += weights[index] * (distance * distance)
            }
            error = errors.sum()
        }

        /// Scale and minimum with the least weighted square error beside these steps and quotients;
        /// nil where they do not follow from them.
        func halves(_ numbers: GroupNumbers<Lanes>, _ weights: GroupNumbers<Lanes>) -> (scale: Float, minimum: Float)? {
            var (weightSums, quotientSums, squareSums, numberSums, productSums) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
            for index in 0..<numbers.count {
                let (weight, quotient, number) = (weights[index], quotients[index], numbers[index])
                weightSums += weight
                quotientSums += weight * quotient
                squareSums += weight * quotient * quotient
                numberSums += weight * number
                productSums += weight * quotient * number
            }
            // x is about `scale * u - minimum * v`, with u = a group's step times q, v = its other
            // step.
            let (uu, uv) = ((scales * scales * squareSums).sum(), (scales * minima * quotientSums).sum())
            let (vv, ux) = ((minima * minima * weightSums).sum(), (scales * productSums).sum())
            let vx = (minima * numberSums).sum()
            guard uu > 0 else { return nil }
            guard vv > 0 else { return (ux / uu, 0) }
            let determinant = uu * vv - uv * uv
            guard determinant > 0 else { return nil }
            let scale = (ux * vv - uv * vx) / determinant
            let minimum = (scale * uv - vx) / vv
            guard scale > 0, minimum >= 0, scale.isFinite, minimum.isFinite else { return nil }
            return (scale, minimum)
        }
    }
}
