import Quantization

/// Blocks of 32: the exponent of a power of two, then a sign and one of eight sizes a number (OCP
/// Microscaling Formats 1.0, E2M1).
struct MXFP4: BlockQuantizer {
    let format = BlockFormat.mxfp4

    /// Twice the sizes: the scale is halved instead.
    private static let doubledSizes: [Float] = [0, 1, 2, 3, 4, 6, 8, 12]
    /// Half of 2^(exponent - 127).
    private static func scale(_ exponent: Int) -> Float {
        exponent < 2 ? Float(bitPattern: 0x0020_0000 << UInt32(max(0, exponent))) : Float(bitPattern: UInt32(exponent - 1) << 23)
    }

    /// ggml takes the exponent with which the largest number is at most a third too large for the
    /// sizes; here the next one is taken where its error is smaller.
    func write(_ numbers: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) { write(numbers, nil, to: block) }

    let minds = true

    func write(_ numbers: UnsafePointer<Float>, weights: UnsafePointer<Float>, to block: UnsafeMutablePointer<UInt8>) {
        write(numbers, Optional(weights), to: block)
    }

    private func write(_ numbers: UnsafePointer<Float>, _ weights: UnsafePointer<Float>?, to block: UnsafeMutablePointer<UInt8>) {
        let largest = abs(SmallBlock.extreme(numbers))
        let exponent = largest > 0 ? min(254, max(0, Int(largest.exponent) - 2 + 127)) : 0
        let candidates = largest > 0 && exponent < 254 ? [exponent, exponent + 1] : [exponent]
        var best: (error: Double, exponent: Int, codes: [UInt8])?
        for candidate in candidates {
            let scale = Self.scale(candidate)
            var (error, codes) = (0.0, [UInt8]())
            for index in 0..<length {
                let (code, value) = Self.nearest(numbers[index], scale)
                let distance = Double(value) - Double(numbers[index])
                error += distance * distance * (weights.map { Double($0[index]) } ?? 1)
                codes.append(code)
            }
            if best.map({ error < $0.error }) ?? true { best = (error, candidate, codes) }
        }
        guard let best else { return }
        block[0] = UInt8(best.exponent)
        SmallBlock.writeNibbles(block + 1) { best.codes[$0] }
    }

    /// The code of the nearest value, of two the one that comes first; positive ones come first.
    private static func nearest(_ number: Float, _ scale: Float) -> (code: UInt8, value: Float) {
        var (code, found, distance) = (UInt8(0), Float(0), abs(number))
        for sign in 0..<2 {
            for (index, size) in doubledSizes.enumerated() {
                let value = (sign == 0 ? size : -size) * scale
                if abs(value - number) < distance { (code, found, distance) = (UInt8(8 * sign + index), value, abs(value - number)) }
            }
        }
        return (code, found)
    }
}
