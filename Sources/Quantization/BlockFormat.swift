/// A form of frozen weights in which GGUF files store matrices: blocks of numbers, each with scales
/// of its own, as ggml defines them. A row is a whole number of blocks.
package enum BlockFormat: String, Sendable, Hashable, CaseIterable {
    case q8_0, q4_0, q4_1, q5_0, q5_1
    case q2_k, q3_k, q4_k, q5_k, q6_k
    case iq4_nl, iq4_xs, mxfp4
    case tq1_0, tq2_0

    var layout: any BlockLayout.Type {
        switch self {
        case .q8_0: Q8_0.self
        case .q4_0: Q4_0.self
        case .q4_1: Q4_1.self
        case .q5_0: Q5_0.self
        case .q5_1: Q5_1.self
        case .q2_k: Q2_K.self
        case .q3_k: Q3_K.self
        case .q4_k: Q4_K.self
        case .q5_k: Q5_K.self
        case .q6_k: Q6_K.self
        case .iq4_nl: IQ4_NL.self
        case .iq4_xs: IQ4_XS.self
        case .mxfp4: MXFP4.self
        case .tq1_0: TQ1_0.self
        case .tq2_0: TQ2_0.self
        }
    }

    /// The format of a tensor whose entry in a GGUF file has this number; nil for numbers one by
    /// one and for what is not read.
    package init?(number: UInt32) {
        guard let format = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = format
    }

    /// The format's number in a tensor's entry of a GGUF file.
    package var number: UInt32 { layout.number }
    /// Numbers in a block.
    package var blockLength: Int { layout.length }
    /// Bytes of a block.
    package var blockByteCount: Int { layout.byteCount }
    /// Where the half-precision numbers of a block stand: its scales and minima.
    package var halves: [Int] { layout.halves }

    /// Bytes of a row; nil where it is not a whole number of blocks.
    package func byteCount(columns: Int) -> Int? {
        guard columns >= 0, columns % blockLength == 0 else { return nil }
        let (bytes, overflows) = (columns / blockLength).multipliedReportingOverflow(by: blockByteCount)
        return overflows ? nil : bytes
    }

    /// The numbers of some blocks, bit for bit as ggml's reference computes them without fused
    /// multiply-add. Scales that are no finite numbers give numbers that are none.
    /// - Parameters:
    ///   - blocks: `count` blocks, at any address.
    ///   - target: room for all their numbers.
    package func decode(_ blocks: UnsafeRawPointer, count: Int, into target: UnsafeMutablePointer<Float>) {
        layout.decode(blocks, count: count, into: target)
    }

    /// The numbers of some columns of a row of blocks.
    package func decode(row: UnsafeRawPointer, columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let length = blockLength
        var (column, place) = (columns.lowerBound, target)
        while column < columns.upperBound {
            let (block, start) = (row + column / length * blockByteCount, column % length)
            if start == 0, columns.upperBound - column >= length {
                let count = (columns.upperBound - column) / length
                decode(block, count: count, into: place)
                (column, place) = (column + count * length, place + count * length)
            } else {
                let part = min(columns.upperBound - column, length - start)
                withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { room in
                    guard let numbers = room.baseAddress else { return }
                    decode(block, count: 1, into: numbers)
                    place.update(from: numbers + start, count: part)
                }
                (column, place) = (column + part, place + part)
            }
        }
    }
}
