/// The scale of 32 numbers with a small weighted square error: `x` is about `scale * q` with whole
/// `q` from `-half` to `half - 1`, and the scale is one that a half holds.
///
/// Quotients are tried for a row of scales around the one with which the number of the largest size
/// has the quotient `-half`: where that one counts little, a smaller scale that cuts it off errs
/// less in the others. For each, least squares give the scale, which is rounded to a half, and the
/// quotients are taken again.
struct WeightedScale {
    private typealias Lanes = SIMD8<Float>
    let half: Float
    /// Trials divide the extreme by so many parts of `half`.
    private static let parts = (0...40).map { 0.7 + 0.015 * Float($0) }
    private static let pieces = SmallBlock.length / Lanes.scalarCount

    /// 0: the numbers are zeros, or none.
    func search(_ numbers: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) -> Float {
        let extreme = SmallBlock.extreme(numbers)
        var (leastError, best) = (Float(0), Float(0))
        for piece in 0..<Self.pieces {
            let (x, w) = (Self.load(numbers, piece), Self.load(weights, piece))
            leastError += Self.total(w * x * x)
        }
        guard extreme != 0, leastError.isFinite else { return 0 }
        for part in Self.parts {
            let inverse = -half * part / extreme
            guard inverse.isFinite else { continue }
            var (products, squares) = (Lanes(), Lanes())
            for piece in 0..<Self.pieces {
                let (x, w) = (Self.load(numbers, piece), Self.load(weights, piece))
                let weighted = w * quotients(x * inverse)
                products += weighted * x
                squares += weighted * quotients(x * inverse)
            }
            let square = Self.total(squares)
            guard square > 0 else { continue }
            let scale = BlockNumbers.throughHalf(Self.total(products) / square)
            guard scale != 0, scale.isFinite else { continue }
            let again = 1 / scale
            var errors = Lanes()
            for piece in 0..<Self.pieces {
                let (x, w) = (Self.load(numbers, piece), Self.load(weights, piece))
                let distance = x - quotients(x * again) * scale
                errors += w * distance * distance
            }
            let error = Self.total(errors)
            if error < leastError { (leastError, best) = (error, scale) }
        }
        return best
    }

    /// The quotient of a number beside a scale of ``search(_:_:)``, plus `half`.
    func quotient(_ number: Float, _ scale: Float) -> UInt8 {
        guard scale != 0 else { return BlockNumbers.byte(half) }
        return BlockNumbers.byte(max(-half, min(half - 1, BlockNumbers.nearest(number * (1 / scale)))) + half)
    }

    @inline(__always)
    private func quotients(_ numbers: Lanes) -> Lanes { BlockNumbers.clamped(BlockNumbers.nearest(numbers), -half, half - 1) }

    @inline(__always)
    private static func load(_ numbers: UnsafePointer<Float>, _ piece: Int) -> Lanes {
        UnsafeRawPointer(numbers).loadUnaligned(fromByteOffset: piece * MemoryLayout<Lanes>.size, as: Lanes.self)
    }

    @inline(__always)
    private static func total(_ lanes: Lanes) -> Float {
        let four = lanes.lowHalf + lanes.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }
}
