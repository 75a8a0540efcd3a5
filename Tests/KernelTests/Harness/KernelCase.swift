import Graph
import Tensors

/// The plain float64 computation of an operation, and the cases it is tried with.
protocol KernelReference: Sendable {
    associatedtype Kernel: Operation

    /// What the outputs must hold. `types` are the outputs' types.
    static func outputs(_ operation: Kernel, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected]

    /// Awkward sizes, all element types, all attributes.
    static var cases: [KernelCase] { get }

    /// Sizes of real models, to be timed.
    static var timings: [KernelCase] { get }
}

/// One call of a kernel with drawn content.
struct KernelSample: Sendable {
    var operation: any Operation
    var inputs: [Operand]
    var outputs: [TensorType]
}

/// A way to draw samples of one operation, by name.
struct KernelCase: Sendable, CustomStringConvertible {
    /// The operation's name and the case's.
    let description: String
    let operation: String
    /// Whether an in-place result must share its memory with the input: nothing else is ever asked
    /// of the kernel.
    let mustBeInPlace: Bool
    /// Element types that activations have in this case; a device without one of them is not asked.
    let activationTypes: Set<ElementType>
    /// The narrower type of a weight that meets float32 activations in a product; a device that
    /// does not mix them is not asked.
    let mixedWeight: ElementType?
    let sample: @Sendable (inout CaseRandom) throws -> KernelSample
    let reference: @Sendable (KernelSample) -> [Expected]
}

extension KernelReference {
    static var name: String { Kernel.name }

    /// A case from an operation and a drawing of its inputs.
    static func test(
        _ name: String, activations: Set<ElementType> = [.float32], mustBeInPlace: Bool = false, mixedWeight: ElementType? = nil,
        _ operation: Kernel, _ inputs: @escaping @Sendable (inout CaseRandom) -> [Operand]
    ) -> KernelCase {
        KernelCase(
            description: "\(Kernel.name) \(name)", operation: Kernel.name, mustBeInPlace: mustBeInPlace, activationTypes: activations,
            mixedWeight: mixedWeight,
            sample: { random in
                let operands = inputs(&random)
                return KernelSample(operation: operation, inputs: operands, outputs: try operation.outputTypes(for: operands.map(\.type)))
            },
            reference: { sample in outputs(operation, sample.inputs.map(\.matrix), sample.outputs) })
    }
}

/// The types that activations are stored in, and the sizes at which kernels tend to be wrong.
let allActivationTypes: [ElementType] = [.float32, .bfloat16, .float16]
let awkwardSizes: [(rows: Int, columns: Int)] = [(1, 1), (1, 65), (63, 1), (65, 63), (64, 64), (7, 257), (131, 17), (3, 1031)]
