import Graph

/// Makes the kernel of an operation.
enum KernelRegistry {
    static func kernel(for operation: any Operation, _ operands: KernelOperands) throws(CPUError) -> Kernel {
        let (inputs, outputs) = (operands.inputs, operands.outputs)
        switch operation {
        case let operation as MatrixProduct:
            let kernel = MatrixProductKernel(operation, operands)
            kernel.prepare(operands.products)
            return kernel
        case let operation as QuantizedProduct: return QuantizedProductKernel(operation, operands)
        case let operation as Attention: return AttentionKernel(operation, operands)
        case let operation as AttentionBackward: return AttentionBackwardKernel(operation, operands)
        case is AttentionDelta: return AttentionDeltaKernel(dO: inputs[0], o: inputs[1], delta: outputs[0])
        case let operation as RMSNorm:
            return RMSNormKernel(operation, x: inputs[0], weight: inputs[1], y: outputs[0], inverseRMS: outputs[1])
        case let operation as RMSNormBackward: return RMSNormBackwardKernel(operation, inputs: inputs, dx: outputs[0])
        case let operation as RMSNormWeightGradient: return RMSNormWeightGradientKernel(operation, inputs: inputs, target: outputs[0])
        case let operation as RotaryEmbedding:
            return RotaryEmbeddingKernel(operation, x: inputs[0], table: inputs[1], tableRows: inputs[2], y: outputs[0])
        case let operation as GatedActivation: return GatedActivationKernel(operation.function, inputs: inputs, outputs: outputs)
        case let operation as GatedActivationBackward:
            return GatedActivationBackwardKernel(operation.function, inputs: inputs, outputs: outputs)
        case let operation as Embedding: return EmbeddingKernel(operation, table: inputs[0], tokens: inputs[1], y: outputs[0])
        case let operation as EmbeddingBackward:
            return EmbeddingBackwardKernel(operation, dy: inputs[0], tokens: inputs[1], accumulator: inputs[2], target: outputs[0])
        case let operation as GatherRows: return GatherRowsKernel(operation, x: inputs[0], rows: inputs[1], y: outputs[0])
        case let operation as ScatterRows:
            return ScatterRowsKernel(operation, x: inputs[0], rows: inputs[1], base: operation.hasBase ? inputs[2] : nil, y: outputs[0])
        case let operation as CrossEntropy: return CrossEntropyKernel(operation, inputs: inputs, outputs: outputs)
        case let operation as AdamW: return AdamWKernel(operation, inputs: inputs, outputs: outputs)
        case let operation as ClassLoss: return ClassLossKernel(operation, inputs: inputs, outputs: outputs)
        case let operation as Lion: return LionKernel(operation, inputs: inputs, outputs: outputs)
        case let operation as SGD: return SGDKernel(operation, inputs: inputs, outputs: outputs)
        case let operation as Dropout: return DropoutKernel(operation, x: inputs[0], randomState: inputs[1], y: outputs[0])
        case let operation as ClipFactor: return ClipFactorKernel(operation, sums: inputs[0], result: outputs[0])
        case let operation as SumOfSquares:
            return SumOfSquaresKernel(x: inputs[0], addend: operation.hasAddend ? inputs[1] : nil, result: outputs[0])
        case is ColumnSum: return ColumnSumOfRowsKernel(x: inputs[0], accumulator: inputs[1], target: outputs[0])
        case is BiasAdd: return BiasAddKernel(x: inputs[0], bias: inputs[1], y: outputs[0])
        case is Add: return AddKernel(inputs: inputs, outputs: outputs)
        case is Convert: return ConvertKernel(source: inputs[0], target: outputs[0])
        default: throw .unknownOperation(operation.name)
        }
    }
}
