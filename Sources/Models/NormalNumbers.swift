import Dispatch
import Glibc
import Tensors

/// Normal random numbers for whole tensors, several threads at a time: each depends on the seed,
/// the tensor's name and its own place alone.
///
/// SplitMix64's output function of a counter (Steele, Lea and Flood 2014) gives four numbers of 16
/// bits at a time, each of which chooses one of 65,536 equally likely values: the normal
/// distribution's quantiles at the middles of 65,536 equal parts, which reach to 4.3 deviations.
struct NormalNumbers {
    private let key: UInt64
    /// The value for each 16 bits.
    private let table: [Float]

    init(seed: UInt64, name: String, deviation: Double) {
        key = RandomNumbers(seed: seed, name: name).key
        table = [Float](unsafeUninitializedCapacity: 65_536) { buffer, count in
            let factor = Float(deviation)
            for index in 0..<32_768 {
                let value = Self.quantiles[index] * factor
                (buffer[index], buffer[65_535 - index]) = (value, -value)
            }
            count = 65_536
        }
    }

    /// Writes the numbers of the places `range` in an element type.
    func fill(_ range: Range<Int>, into target: UnsafeMutableRawPointer, _ type: ElementType) {
        switch type {
        case .bfloat16: fill(range, target, table.map(FloatConversion.bfloat16))
        case .float16: fill(range, target, table.map(FloatConversion.half))
        default: fill(range, target, table)
        }
    }

    private func fill<Stored: BitwiseCopyable & Sendable>(_ range: Range<Int>, _ target: UnsafeMutableRawPointer, _ table: [Stored]) {
        nonisolated(unsafe) let target = target.assumingMemoryBound(to: Stored.self)
        let key = key
        // Parts begin at whole hashes, so that no place is hashed twice by two threads.
        let partLength = 1 << 16
        let partCount = (range.count + partLength - 1) / partLength
        DispatchQueue.concurrentPerform(iterations: partCount) { part in
            let start = range.lowerBound + part * partLength
            let end = min(range.upperBound, start + partLength)
            table.withUnsafeBufferPointer { table in
                var place = start
                while place < end {
                    var bits = Self.hash(key &+ UInt64(truncatingIfNeeded: place >> 2) &* 0x9E37_79B9_7F4A_7C15)
                    bits >>= UInt64(truncatingIfNeeded: place & 3) &* 16
                    let last = min(end, (place | 3) + 1)
                    while place < last {
                        target[place - range.lowerBound] = table[Int(truncatingIfNeeded: bits & 0xFFFF)]
                        bits >>= 16
                        place += 1
                    }
                }
            }
        }
    }

    @inline(__always) private static func hash(_ counter: UInt64) -> UInt64 {
        var mixed = counter
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The lower half of the quantiles: solutions of `erfc(-x / sqrt(2)) / 2 = (index + 1/2) /
    /// 65536` by Newton's method, each from the one before.
    private static let quantiles: [Float] = {
        var x = -4.4
        return (0..<32_768).map { index in
            let wanted = (Double(index) + 0.5) / 65_536
            for _ in 0..<8 {
                let density = exp(-x * x / 2) * 0.398_942_280_401_432_7
                let step = (erfc(-x / 2.0.squareRoot()) / 2 - wanted) / density
                x -= step
                if abs(step) < 1e-9 { break }
            }
            return Float(x)
        }
    }()
}
