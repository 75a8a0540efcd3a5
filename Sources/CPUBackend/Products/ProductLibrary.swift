import COneDNN
import Glibc
import Tensors

/// Makes block products and keeps them: a model has few shapes, used in every layer.
final class ProductLibrary {
    /// Whether products of bfloat16 blocks run in the processor's own bfloat16 instructions.
    let hasBfloat16: Bool
    /// Whether products of rows with weights in bytes run in the processor's instructions for them.
    let hasBytes: Bool
    private let engine: dnnl_engine_t?
    private var streams: [dnnl_stream_t] = []
    private var known: [BlockProductShape: BlockProduct] = [:]

    /// Whether oneDNN computes float32 products; otherwise ``SIMDProduct`` does.
    var usesOneDNN: Bool { engine != nil }

    /// - Parameters:
    ///   - usesOneDNN: false leaves oneDNN out, as the environment variable TALA_ONEDNN=0 does.
    ///   - level: the level of the x86-64 ABI beyond which no instructions are used.
    init(threadCount: Int, usesOneDNN: Bool, level: Int? = nil) {
        hasBfloat16 = BFloat16Product.isPossible && level ?? 4 >= 4
        hasBytes = ByteProductKernel.isPossible && level ?? 4 >= 4
        if let level { tala_limit_onednn(Int32(level)) }
        guard usesOneDNN, let engine = Self.workingEngine() else {
            engine = nil
            return
        }
        for _ in 0..<threadCount {
            var stream: dnnl_stream_t?
            if tala_create_stream(engine, &stream) == dnnl_success, let stream { streams.append(stream) }
        }
        guard streams.count == threadCount else {
            streams.forEach { dnnl_stream_destroy($0) }
            dnnl_engine_destroy(engine)
            self.engine = nil
            return
        }
        self.engine = engine
    }

    deinit {
        known = [:]
        for stream in streams { dnnl_stream_destroy(stream) }
        if let engine { dnnl_engine_destroy(engine) }
    }

    /// The product of this shape. bfloat16 inputs are for libraries with ``hasBfloat16``.
    func product(_ shape: BlockProductShape) -> BlockProduct {
        if let product = known[shape] { return product }
        tala_use_one_openmp_thread()
        let product: BlockProduct
        if VectorProduct.suits(shape) {
            product = VectorProduct(shape)
        } else if shape.inputType == .bfloat16 {
            product = BFloat16Product(shape)
        } else if NarrowProduct.suits(shape) {
            product = NarrowProduct(shape)
        } else if let engine, let primitive = OneDNNProduct(shape, engine: engine, streams: streams) {
            product = primitive
        } else {
            product = SIMDProduct(shape)
        }
        known[shape] = product
        return product
    }

    /// oneDNN's engine if it computes 2 x 2 products rightly. Where a sandbox forbids run-time code
    /// it does not, and its `dnnl_sgemm` does not even say so.
    private static func workingEngine() -> dnnl_engine_t? {
        tala_use_one_openmp_thread()
        var made: dnnl_engine_t?
        guard tala_create_engine(&made) == dnnl_success, let engine = made else { return nil }
        var stream: dnnl_stream_t?
        guard tala_create_stream(engine, &stream) == dnnl_success, let stream else {
            dnnl_engine_destroy(engine)
            return nil
        }
        let shape = BlockProductShape(
            m: 2, n: 2, k: 2, transposesA: false, transposesB: true, strideA: 2, strideB: 2, strideC: 2, inputType: .float32,
            outputType: .float32,
            accumulates: true)
        var isRight = false
        if let product = OneDNNProduct(shape, engine: engine, streams: [stream]),
            let scratch = try? AlignedMemory(byteCount: product.scratchByteCount)
        {
            let (a, b): ([Float], [Float]) = ([1, 2, 3, 4], [5, 6, 7, 8])
            var c: [Float] = [1, 1, 1, 1]
            let status = product.run(a, b, &c, scratch: scratch.address, thread: 0)
            isRight = status == 0 && c == [18, 24, 40, 54]
        }
        dnnl_stream_destroy(stream)
        if isRight { return engine }
        dnnl_engine_destroy(engine)
        return nil
    }
}
