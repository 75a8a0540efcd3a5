import CPUBackend
import Glibc
public import Graph

/// The devices of this machine, and the choice among them by the words of a manifest.
public enum Devices {
    public struct Description: Sendable {
        /// The word that chooses the device: `cpu`, `vulkan:0`.
        public var selector: String
        public var name: String
        public var details: [(String, String)]
    }

    public static func all() -> [Description] {
        var devices: [Description] = []
        if let processor = try? CPUDevice() {
            devices.append(
                Description(
                    selector: "cpu", name: processor.name,
                    details: [("bfloat16", processor.hasFastBfloat16 ? "in the processor's own instructions" : "widened to float32"), ("matrix products", processor.usesOneDNN ? "oneDNN" : "Swift")]))
        }
        return devices
    }

    /// Makes the device that a word names.
    /// - Throws: ``WorkerError/noDevice(_:)``.
    public static func make(_ selector: String) throws -> any ComputeDevice {
        if selector == "cpu" || selector == "auto" { return try CPUDevice() }
        throw WorkerError.noDevice(selector)
    }
}
