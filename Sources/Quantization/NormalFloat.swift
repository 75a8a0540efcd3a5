/// 4-bit NormalFloat: 16 numbers between -1 and 1 that hold equal shares of a normal distribution
/// (Dettmers et al. 2023, arXiv:2305.14314, section 3 and appendix E).
package enum NormalFloat {
    /// The number of each code, as published.
    package static let values: [Float] = [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
        -0.09105003625154495,
        0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
        0.7229568362236023, 1.0,
    ]

    /// Halfway between neighbouring numbers: a number above `bounds[i]` has a code above `i`.
    package static let bounds: [Float] = zip(values, values.dropFirst()).map { ($0 + $1) / 2 }

    /// Both numbers of each byte of codes.
    nonisolated(unsafe) static let pairs: UnsafePointer<SIMD2<Float>> = {
        let table = UnsafeMutablePointer<SIMD2<Float>>.allocate(capacity: 256)
        for byte in 0..<256 { table[byte] = SIMD2(values[byte >> 4], values[byte & 15]) }
        return UnsafePointer(table)
    }()
}

/// The 8-bit numbers in which the scales of blocks are stored: a sign, a decimal exponent in unary,
/// the rest a linear fraction (Dettmers 2016, arXiv:1511.04561; bitsandbytes'
/// `create_dynamic_map`).
package enum DynamicMap {
    /// 256 numbers in ascending order, from -0.993 to 1.
    package static let values: [Float] = {
        var values: [Float] = [0, 1]
        var power: Float = 1e-6
        for (exponent, next) in [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 1].enumerated() {
            let parts = 1 << exponent
            // As torch.linspace computes it: one rounding a number, from the nearer end.
            let step: Float = (1 - 0.1) / Float(parts)
            let boundaries = (0...parts).map { index in
                index < (parts + 1) / 2 ? Float(0.1).addingProduct(step, Float(index)) : Float(1).addingProduct(-step, Float(parts - index))
            }
            for (low, high) in zip(boundaries, boundaries.dropFirst()) {
                let value = power * ((low + high) / 2)
                values += [value, -value]
            }
            power = Float(next)
        }
        return values.sorted()
    }()

    static let bounds: [Float] = zip(values, values.dropFirst()).map { ($0 + $1) / 2 }

    /// The code of the nearest number; the lower one halfway.
    static func code(_ number: Float) -> UInt8 {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if number > bounds[middle] { low = middle + 1 } else { high = middle }
        }
        return UInt8(truncatingIfNeeded: low)
    }
}
