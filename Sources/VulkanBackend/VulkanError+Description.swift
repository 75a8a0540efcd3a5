extension VulkanError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noDevice(let reason): "no Vulkan device: \(reason)"
        case .unknownDevice(let name, let present):
            "there is no Vulkan device \(name); present: \(present.isEmpty ? "none" : present.joined(separator: ", "))"
        case .callFailed(let call, let result): "\(call) failed with Vulkan error \(result)"
        case .outOfMemory(let byteCount): "the device has no \(byteCount) bytes of memory left"
        case .deviceLost: "the Vulkan device was lost (a driver fault or a reset); it cannot be used again by this process"
        case .noShaders(let searched):
            "the folder of shaders was not found; searched \(searched.joined(separator: ", ")); TALA_SHADERS names it"
        case .badShader(let name, let message): "shader \(name): \(message)"
        case .unknownOperation(let name): "there is no Vulkan kernel for \(name)"
        case .badOperand(let operation, let reason): "\(operation): \(reason)"
        case .brokenOff: "broken off"
        case .badTransfer(let name, let byteCount, let expected):
            if let expected { "\(name) takes \(expected) bytes, not \(byteCount)" } else { "the plan has no \(name)" }
        }
    }
}
