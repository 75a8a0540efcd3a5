package import Graph
package import Manifest
package import Models
package import Tensors

/// What `precision` means on a device.
package enum Precisions {
    /// - Throws: ``DeviceError/unsupportedPrecision(_:device:)``.
    package static func choose(
        _ wish: Manifest.Choice<Manifest.Precision>, _ device: any ComputeDevice, _ configuration: ModelConfiguration
    ) throws -> Manifest.Precision {
        guard let precision = wish.value else {
            // Small models are bound by overhead, not by products: they keep float32.
            if let processor = device as? any ProcessorDevice, processor.hasFastBfloat16, configuration.hiddenSize >= 256 {
                return .bfloat16
            }
            return .float32
        }
        guard precision == .float32 || device.activationTypes.contains(elementType(precision)) else {
            throw DeviceError.unsupportedPrecision(precision.rawValue, device: device.name)
        }
        return precision
    }

    /// The element type of activations.
    package static func elementType(_ precision: Manifest.Precision) -> ElementType {
        switch precision {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }
}
