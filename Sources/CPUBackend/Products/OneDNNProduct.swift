import COneDNN
import Tensors

/// A product of blocks by a oneDNN primitive on the calling thread.
///
/// One thread a primitive, our threads over blocks: measured on two cores this reaches the peak at
/// every shape that training has, where oneDNN's own division over OpenMP threads reaches half of
/// it at some; and a block's bytes do not depend on the number of threads.
final class OneDNNProduct: BlockProduct {
    private let primitive: dnnl_primitive_t
    private let scratchpadBytes: Int
    private var operands: [Operands] = []

    /// Memory objects are named anew for each run, so each thread has its own.
    private struct Operands {
        var stream: dnnl_stream_t
        var a: dnnl_memory_t
        var b: dnnl_memory_t
        var c: dnnl_memory_t
        var scratchpad: dnnl_memory_t?
    }

    override var scratchByteCount: Int { scratchpadBytes }

    /// Nil where oneDNN has no fast implementation of the product, or cannot make one.
    init?(_ shape: BlockProductShape, engine: dnnl_engine_t, streams: [dnnl_stream_t]) {
        let (aRow, aColumn) = shape.transposesA ? (1, shape.strideA) : (shape.strideA, 1)
        let (bRow, bColumn) = shape.transposesB ? (1, shape.strideB) : (shape.strideB, 1)
        let inputType = Self.type(shape.inputType)
        let outputType = Self.type(shape.outputType)
        var product = tala_product(
            input_type: inputType, output_type: outputType, m: Int64(shape.m), n: Int64(shape.n), k: Int64(shape.k),
            a_row_stride: Int64(aRow), a_column_stride: Int64(aColumn), b_row_stride: Int64(bRow), b_column_stride: Int64(bColumn),
            c_stride: Int64(shape.strideC), accumulates: shape.accumulates ? 1 : 0)
        var made: dnnl_primitive_t?
        var bytes = 0
        var isSlow: Int32 = 0
        guard tala_create_product(engine, &product, &made, &bytes, &isSlow) == dnnl_success, let primitive = made else { return nil }
        self.primitive = primitive
        scratchpadBytes = bytes
        super.init(shape)
        if isSlow != 0 { return nil }
        for stream in streams {
            var (a, b, c, scratchpad): (dnnl_memory_t?, dnnl_memory_t?, dnnl_memory_t?, dnnl_memory_t?)
            guard tala_create_matrix(engine, inputType, Int64(shape.m), Int64(shape.k), Int64(aRow), Int64(aColumn), &a) == dnnl_success,
                tala_create_matrix(engine, inputType, Int64(shape.k), Int64(shape.n), Int64(bRow), Int64(bColumn), &b) == dnnl_success,
                tala_create_matrix(engine, outputType, Int64(shape.m), Int64(shape.n), Int64(shape.strideC), 1, &c) == dnnl_success,
                bytes == 0 || tala_create_scratchpad(engine, bytes, &scratchpad) == dnnl_success,
                let a, let b, let c
            else { return nil }
            operands.append(Operands(stream: stream, a: a, b: b, c: c, scratchpad: scratchpad))
        }
    }

    deinit {
        for operand in operands {
            for memory in [operand.a, operand.b, operand.c] { dnnl_memory_destroy(memory) }
            if let scratchpad = operand.scratchpad { dnnl_memory_destroy(scratchpad) }
        }
        dnnl_primitive_destroy(primitive)
    }

    override func run(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer, thread: Int
    ) -> Int32 {
        let own = operands[thread]
        return Int32(bitPattern: tala_run_product(primitive, own.stream, own.a, own.b, own.c, own.scratchpad, a, b, c, scratch).rawValue)
    }

    private static func type(_ elementType: ElementType) -> dnnl_data_type_t { elementType == .bfloat16 ? dnnl_bf16 : dnnl_f32 }
}
