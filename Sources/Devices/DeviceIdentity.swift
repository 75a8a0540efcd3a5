import Glibc
package import Graph
import VulkanBackend

extension Devices {
    /// What the numbers depend on that a device computes, by name: where all of it is equal, two
    /// devices compute the same bytes. The number of threads is not among it.
    package static func identity(of device: any ComputeDevice) -> [(String, String)] {
        if let device = device as? VulkanDevice { return [("device", device.name), ("driver", device.driverIdentity)] }
        guard let processor = device as? any ProcessorDevice else { return [("device", device.name)] }
        return [
            ("device", "processor"), ("kernels", Processor.description(of: processor)),
            ("products", processor.usesOneDNN ? "oneDNN" : "Swift"), ("processor", processorName),
        ]
    }

    /// Model and vector instructions, as the kernel tells them. Libraries choose their products by
    /// these.
    private static var processorName: String {
        guard let file = fopen("/proc/cpuinfo", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = fread(&bytes, 1, bytes.count, file)
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
        func value(_ name: String) -> Substring {
            lines.first { $0.hasPrefix(name) }.map { $0.drop { $0 != ":" }.dropFirst(2) } ?? ""
        }
        let vectors = value("flags").split(separator: " ").filter { word in
            ["avx", "amx", "sse", "fma", "f16c"].contains { word.hasPrefix($0) }
        }
        return "\(value("model name")) with \(vectors.sorted().joined(separator: " "))"
    }
}
