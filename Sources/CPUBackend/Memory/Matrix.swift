import Graph
import Tensors

/// Where an operand lies in memory: row-major, `rowStride` elements from row to row.
struct Matrix {
    let base: UnsafeMutableRawPointer
    let rows: Int
    let columns: Int
    let rowStride: Int
    let elementType: ElementType

    var rowBytes: Int { rowStride * elementType.byteCount }
    var isContiguous: Bool { rowStride == columns || rows <= 1 }

    @inline(__always) func address(_ row: Int, _ column: Int = 0) -> UnsafeMutableRawPointer {
        base + (row * rowStride + column) * elementType.byteCount
    }
    /// A row of float32 numbers, as they lie in memory.
    @inline(__always) func floats(_ row: Int, _ column: Int = 0) -> UnsafeMutablePointer<Float> {
        (base + (row * rowStride + column) * 4).assumingMemoryBound(to: Float.self)
    }
    @inline(__always) func integers(_ row: Int) -> UnsafePointer<Int32> {
        UnsafePointer((base + row * rowStride * 4).assumingMemoryBound(to: Int32.self))
    }
}
