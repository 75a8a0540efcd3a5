/// Why a Vulkan device cannot be used, or cannot prepare or run a plan.
package enum VulkanError: Error, Sendable {
    /// No driver is installed, or none offers a device that fits.
    case noDevice(reason: String)
    /// A device with this name or number is not there; `present` are the names of those that are.
    case unknownDevice(String, present: [String])
    /// A call of the driver failed.
    case callFailed(String, result: Int32)
    /// So many bytes of the device's memory cannot be had.
    case outOfMemory(byteCount: Int)
    /// The device was lost: a driver fault, a reset, or a watchdog. It stays lost for this process.
    case deviceLost
    /// The folder of shaders was not found at these places.
    case noShaders(searched: [String])
    /// A shader is missing or does not compile; messages name file and line.
    case badShader(name: String, message: String)
    /// A plan holds an operation that has no kernel here.
    case unknownOperation(String)
    /// A plan's operand does not fit its operation or its memory.
    case badOperand(operation: String, reason: String)
    /// An input or output was given memory of the wrong size, or does not exist.
    case badTransfer(name: String, byteCount: Int, expected: Int?)
    /// Preparing a plan was cancelled on request.
    case brokenOff
}
