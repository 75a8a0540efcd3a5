import Glibc
import Tensors

/// A product of which one side is a single row or column: of an adapter of rank 1, or of a single
/// token.
///
/// Not for oneDNN: the strides of one row or one column are ambiguous, and version 3.7 reads such
/// an operand as if nothing lay between its numbers. One pass over the other operand, which is all
/// that there is to be read.
final class VectorProduct: BlockProduct {
    static func suits(_ shape: BlockProductShape) -> Bool { shape.m == 1 || shape.n == 1 }

    private var isColumn: Bool { shape.n == 1 }
    private var outputCount: Int { isColumn ? shape.m : shape.n }
    /// Whether the numbers that are summed lie side by side in the matrix; else those of different
    /// sums do.
    private var sumsAlongRows: Bool { isColumn ? !shape.transposesA : shape.transposesB }
    private var vectorStep: Int {
        if isColumn { return shape.transposesB ? 1 : shape.strideB }
        return shape.transposesA ? shape.strideA : 1
    }

    /// The vector, the sums, and a row of the matrix, as float32.
    override var scratchByteCount: Int { (shape.k + outputCount + max(shape.k, outputCount)) * 4 }

    override func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 {
        let vector = scratch.assumingMemoryBound(to: Float.self)
        let sums = vector + shape.k
        let row = sums + outputCount
        let elementBytes = shape.inputType.byteCount
        let (vectorAddress, matrix) = isColumn ? (b, a) : (a, b)
        for inner in 0..<shape.k {
            RowConversion.widen(vectorAddress + inner * vectorStep * elementBytes, shape.inputType, to: vector + inner, count: 1)
        }
        let stride = (isColumn ? shape.strideA : shape.strideB) * elementBytes
        if sumsAlongRows {
            for output in 0..<outputCount {
                RowConversion.widen(matrix + output * stride, shape.inputType, to: row, count: shape.k)
                sums[output] = Self.dot(row, vector, shape.k)
            }
        } else {
            sums.update(repeating: 0, count: outputCount)
            for inner in 0..<shape.k {
                RowConversion.widen(matrix + inner * stride, shape.inputType, to: row, count: outputCount)
                Self.add(row, times: vector[inner], to: sums, outputCount)
            }
        }
        let step = (isColumn ? shape.strideC : 1) * shape.outputType.byteCount
        for output in 0..<outputCount {
            let target = c + output * step
            if shape.accumulates {
                RowConversion.widen(target, shape.outputType, to: row, count: 1)
                sums[output] += row[0]
            }
            RowConversion.narrow(sums + output, to: target, shape.outputType, count: 1)
        }
        return 0
    }

    private static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        var sum = Vector.zero
        var i = 0
        while i < count {
            let part = min(16, count - i)
            sum = sum.addingProduct(loadPart(a + i, part), loadPart(b + i, part))
            i += 16
        }
        return sum.total
    }

    private static func add(_ row: UnsafePointer<Float>, times factor: Float, to sums: UnsafeMutablePointer<Float>, _ count: Int) {
        let factor = Vector.broadcast(factor)
        var i = 0
        while i < count {
            let part = min(16, count - i)
            storePart(loadPart(sums + i, part).addingProduct(loadPart(row + i, part), factor), sums + i, part)
            i += 16
        }
    }
}
