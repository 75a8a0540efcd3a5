import Tensors

/// The sizes and layout of a product of two blocks: `c = op(a) * op(b)`, or added to `c`. All
/// strides are in elements.
struct BlockProductShape: Hashable {
    var m: Int
    var n: Int
    var k: Int
    /// `a` is stored `[k, m]` where true, else `[m, k]`.
    var transposesA: Bool
    /// `b` is stored `[n, k]` where true, else `[k, n]`.
    var transposesB: Bool
    var strideA: Int
    var strideB: Int
    var strideC: Int
    /// float32 or bfloat16.
    var inputType: ElementType
    /// float32, or bfloat16 with bfloat16 inputs. Sums are float32.
    var outputType: ElementType
    var accumulates: Bool
}

/// A product of two blocks of one shape, prepared once, run by one thread at a time for each thread
/// number.
class BlockProduct {
    let shape: BlockProductShape
    /// Bytes of working memory that ``run(_:_:_:scratch:thread:)`` needs.
    var scratchByteCount: Int { 0 }

    init(_ shape: BlockProductShape) { self.shape = shape }

    /// - Returns: 0, or oneDNN's status.
    func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 { 0 }
}
