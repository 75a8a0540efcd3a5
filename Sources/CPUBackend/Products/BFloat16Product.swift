import CProducts
import Tensors

/// A product of bfloat16 blocks in the processor's own instructions for it.
///
/// Not oneDNN's: measured against version 2.6 on one thread of an AVX-512 processor (Zen 5),
/// products of 64 to 256 rows of attention are a quarter to a half faster, those of layers 3 to 10
/// %, odd sizes up to 2.5 times, and it may have any strides.
final class BFloat16Product: BlockProduct {
    /// Whether this processor has the instructions.
    static let isPossible = tala_has_bfloat16_products() != 0

    private let product: tala_bfloat16_product
    override var scratchByteCount: Int { withUnsafePointer(to: product) { tala_bfloat16_product_scratch($0) } }

    /// - Precondition: ``isPossible``, and inputs of bfloat16.
    override init(_ shape: BlockProductShape) {
        product = Self.product(shape)
        super.init(shape)
    }

    private static func product(_ shape: BlockProductShape) -> tala_bfloat16_product {
        tala_bfloat16_product(
            m: Int64(shape.m), n: Int64(shape.n), k: Int64(shape.k), a_stride: Int64(shape.strideA), b_stride: Int64(shape.strideB),
            c_stride: Int64(shape.strideC), transposes_a: shape.transposesA ? 1 : 0, transposes_b: shape.transposesB ? 1 : 0,
            gives_bfloat16: shape.outputType == .bfloat16 ? 1 : 0, accumulates: shape.accumulates ? 1 : 0)
    }

    /// Computes a product whose sizes are known only when it runs.
    static func run(
        _ shape: BlockProductShape, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer,
        scratch: UnsafeMutableRawPointer
    ) {
        withUnsafePointer(to: product(shape)) { tala_run_bfloat16_product($0, a, b, c, scratch) }
    }

    override func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 {
        withUnsafePointer(to: product) { tala_run_bfloat16_product($0, a, b, c, scratch) }
        return 0
    }
}
