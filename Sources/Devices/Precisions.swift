import CPUBackend
package import Graph
package import Manifest
package import Models
package import Tensors

/// What `precision: auto` means on a device.
package enum Precisions {
    /// - Throws: ``DeviceError/unsupportedPrecision(_:device:)``.
    package static func choose(_ wish: Manifest.Precision, _ device: any ComputeDevice, _ configuration: ModelConfiguration) throws
        -> ElementType
    {
        switch wish {
        case .auto:
            // Small models are bound by overhead, not by products: they keep float32.
            if let processor = device as? CPUDevice, processor.hasFastBfloat16, configuration.hiddenSize >= 256 { return .bfloat16 }
            return .float32
        case .float32: return .float32
        case .bfloat16, .float16:
            guard let type = ElementType(rawValue: wish.rawValue), device.activationTypes.contains(type) else {
                throw DeviceError.unsupportedPrecision(wish.rawValue, device: device.name)
            }
            return type
        }
    }
}
