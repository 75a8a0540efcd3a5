import Graph
import Tensors

/// A product to be measured: its layout, types and sizes, the sizes cut down to what is measured
/// quickly.
struct ProductSample {
    var operation: MatrixProduct
    var a: ElementType
    var b: ElementType
    var rows: Int
    var columns: Int
    var inner: Int
    /// The kind of products that it stands for, also when its sizes are cut down.
    let key: ProductKey

    init(_ operation: MatrixProduct, _ inputs: [TensorReference], _ outputs: [TensorReference]) {
        self.operation = operation
        key = ProductKey(operation, inputs, outputs)
        (a, b) = (inputs[0].elementType, inputs[1].elementType)
        (rows, columns) = (outputs[0].rows, outputs[0].columns)
        inner = operation.transposesA ? inputs[0].rows : inputs[0].columns
    }

    var operations: Double { 2 * Double(rows) * Double(columns) * Double(inner) }

    /// Blocks far larger than the result would only compute what is thrown away.
    func isSensible(_ variant: ProductVariant) -> Bool {
        variant.blockRows < 2 * max(8, rows) && variant.blockColumns < 2 * max(8, columns)
    }

    func unmeasured(_ device: DeviceProfile) -> ProductVariant { ProductVariant(unmeasured: rows, columns, device) }

    /// The same product with fewer rows, down to 64, and then with its longer sides halved until so
    /// many operations are not exceeded; sides keep 256, in multiples of 64. Rows first: with a
    /// small second operand a variant that reads it from memory again and again would seem good.
    func limited(to limit: Double) -> ProductSample {
        var sample = self
        while sample.operations > limit, sample.rows > 64 { sample.rows = max(64, sample.rows / 2 / 64 * 64) }
        while sample.operations > limit, max(sample.rows, sample.columns, sample.inner) > 256 {
            let longest = max(sample.rows, sample.columns, sample.inner)
            let half = max(256, longest / 2 / 64 * 64)
            if sample.columns == longest {
                sample.columns = half
            } else if sample.rows == longest {
                sample.rows = half
            } else {
                sample.inner = half
            }
        }
        return sample
    }

    /// A device on which ``plan`` is computed by the variant. A sample that was cut down may be of
    /// another kind than what it stands for.
    func profile(_ device: DeviceProfile, using variant: ProductVariant) -> DeviceProfile {
        var profile = device
        for call in plan.calls { profile.products[ProductKey(operation, call.inputs, call.outputs)] = variant }
        return profile
    }

    /// A plan of this product alone, in an arena of its own.
    var plan: Plan {
        var blocks: [Int] = []
        func place(_ rows: Int, _ columns: Int, _ type: ElementType) -> TensorReference {
            let reference = TensorReference(
                space: .transient, block: blocks.count, byteOffset: 0, rows: rows, columns: columns, rowStride: columns, elementType: type)
            blocks.append(max(4, reference.byteSpan))
            return reference
        }
        var inputs = [
            operation.transposesA ? place(inner, rows, a) : place(rows, inner, a),
            operation.transposesB ? place(columns, inner, b) : place(inner, columns, b),
        ]
        let output = place(rows, columns, operation.outputType)
        if operation.hasAddend { inputs.append(output) }
        return Plan(
            calls: [KernelCall(operation: operation, inputs: inputs, outputs: [output], node: 0)], transientBlocks: blocks,
            exchangeBlocks: [],
            inputs: [:], outputs: [:], cost: .zero)
    }
}
