/// Why the processor cannot prepare or run a plan.
package enum CPUError: Error, Sendable {
    /// So many bytes cannot be had from the system.
    case outOfMemory(byteCount: Int)
    /// The system starts no more threads.
    case cannotStartThreads(code: Int32)
    /// A plan holds an operation that has no kernel here.
    case unknownOperation(String)
    /// A plan's operand does not fit its operation or its memory.
    case badOperand(operation: String, reason: String)
    /// A mapped weight's memory is absent or shorter than its tensor.
    case badMapping(weight: String, byteCount: Int, expected: Int)
    /// An input or output was given memory of the wrong size, or does not exist.
    case badTransfer(name: String, byteCount: Int, expected: Int?)
    /// oneDNN refused a matrix product.
    case productFailed(status: Int32, operation: String)
}
