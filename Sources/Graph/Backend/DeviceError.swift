/// Why no device computes what a job asks for.
package enum DeviceError: Error, Sendable {
    case noDevice(String)
    case unsupportedPrecision(String, device: String)
}

extension DeviceError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noDevice(let selector): "there is no device \"\(selector)\" on this machine; tala devices lists what there is"
        case .unsupportedPrecision(let precision, let device): "\(device) does not compute in \(precision): leave precision at auto"
        }
    }
}
