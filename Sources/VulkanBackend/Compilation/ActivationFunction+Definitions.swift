import Graph

extension ActivationFunction {
    /// What shaders that include common/gate.glsl are compiled with.
    var definitions: [String: Int] {
        switch self {
        case .silu: [:]
        case .gelu: ["GELU": 1]
        case .geluTanh: ["GELU_TANH": 1]
        }
    }
}
