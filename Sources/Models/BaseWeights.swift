package import Manifest
package import Quantization
import Tensors

extension BaseWeights {
    package var quantizedFormat: QuantizedFormat? {
        switch self {
        case .q8: .q8
        case .nf4: .nf4
        case .stored, .float32, .bfloat16: nil
        }
    }
}

extension LanguageModel.Precision {
    /// - Throws: ``ModelError`` where such weights cannot be multiplied with such activations, or
    ///   would be trained.
    func check(_ training: LanguageModel.Training) throws(ModelError) {
        func failure(_ message: String) -> ModelError { ModelError(file: "manifest", field: "base_weights", message) }
        if case .full = training, baseWeights != .stored {
            throw failure("\(baseWeights.rawValue) is for frozen weights, but adapter.type full trains them: leave base_weights out")
        }
        switch baseWeights {
        case .stored, .q8, .nf4: return
        case .float32:
            if activationType == .float32 { return }
            throw failure("float32 weights are not multiplied with \(activationType.rawValue) activations: set precision to float32")
        case .bfloat16:
            if activationType == .bfloat16 || (activationType == .float32 && mixableTypes.contains(.bfloat16)) { return }
            throw failure(
                "this device does not multiply bfloat16 weights with \(activationType.rawValue) activations: set precision to bfloat16")
        }
    }
}
