import Tensors

/// Buffers of one row of float32 numbers each, one behind the other in a thread's scratch.
struct RowBuffer {
    private var address: UnsafeMutablePointer<Float>
    private let stride: Int

    static func byteCount(_ columns: Int) -> Int { (columns * 4 + 63) / 64 * 64 }

    init(_ scratch: UnsafeMutableRawPointer, columns: Int) {
        address = scratch.assumingMemoryBound(to: Float.self)
        stride = Self.byteCount(columns) / 4
    }

    mutating func next() -> UnsafeMutablePointer<Float> {
        defer { address += stride }
        return address
    }
}

extension Matrix {
    /// A row as float32: where it lies, or widened into the buffer.
    @inline(__always) func row(_ row: Int, _ buffer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        if elementType == .float32 { return floats(row) }
        RowConversion.widen(address(row), elementType, to: buffer, count: columns)
        return buffer
    }

    /// Where to write a row as float32: in its place, or in the buffer. ``finishRow(_:_:)`` must
    /// follow.
    @inline(__always) func rowTarget(_ row: Int, _ buffer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        elementType == .float32 ? floats(row) : buffer
    }

    /// Narrows a row that was written into a buffer.
    @inline(__always) func finishRow(_ row: Int, _ target: UnsafePointer<Float>) {
        if elementType != .float32 { RowConversion.narrow(target, to: address(row), elementType, count: columns) }
    }
}
