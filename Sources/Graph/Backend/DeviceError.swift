/// Why no device computes what a job asks for.
package enum DeviceError: Error, Sendable {
    case noDevice(String)
    case unsupportedPrecision(String, device: String)
    /// `TALA_PROCESSOR` names a level of the x86-64 ABI for which the program has no kernels, or
    /// which this processor has not; and those that it may name.
    case noKernels(String, [String])
}

extension DeviceError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noDevice(let selector): "there is no device \"\(selector)\" on this machine; tala devices lists what there is"
        case .unsupportedPrecision(let precision, let device): "\(device) does not compute in \(precision): leave precision at auto"
        case .noKernels(let level, let levels):
            "TALA_PROCESSOR is \"\(level)\"; on this machine this program has kernels for \(levels.joined(separator: ", "))"
        }
    }
}
