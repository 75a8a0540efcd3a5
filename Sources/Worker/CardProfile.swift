/// The peaks of a card that an estimate is made from, nothing measured.
///
/// Checked against a published page: the RX 7900 XTX's float32 rate and bandwidth, the Arc A770's bandwidth. The other figures are the commonly quoted ones or
/// follow from units and clock, and say so.
public struct CardProfile: Sendable, Hashable {
    /// As `--device-profile` names it.
    public var key: String
    public var name: String
    /// Float32 multiply-adds of the shader units, operations a second (two an addition and a multiplication).
    public var floatOperationsPerSecond: Double
    /// Float16 products with float32 sums on matrix units that Vulkan offers as cooperative matrices; nil where there are none.
    public var matrixOperationsPerSecond: Double?
    public var bytesPerSecond: Double
    public var memoryBytes: Int
    /// How the figures follow from what is published.
    public var source: String

    /// The profiles that there are.
    public static let all: [CardProfile] = [
        CardProfile(
            key: "rx-7900-xtx", name: "AMD Radeon RX 7900 XTX", floatOperationsPerSecond: 61.4e12, matrixOperationsPerSecond: 122.8e12,
            bytesPerSecond: 960e9, memoryBytes: 24 << 30,
            source: "61.4 TFLOPS float32 (both halves of dual-issue) and 960 GB/s as published; 122.8 float16 as commonly quoted, not checked"),
        CardProfile(
            key: "rx-6800", name: "AMD Radeon RX 6800", floatOperationsPerSecond: 16.17e12, matrixOperationsPerSecond: nil,
            bytesPerSecond: 512e9, memoryBytes: 16 << 30,
            source: "16.17 TFLOPS float32, 512 GB/s as commonly quoted, not checked; no matrix units"),
        CardProfile(
            key: "radeon-780m", name: "AMD Radeon 780M", floatOperationsPerSecond: 8.29e12, matrixOperationsPerSecond: 16.6e12,
            bytesPerSecond: 89.6e9, memoryBytes: 16 << 30,
            source:
                "12 compute units of RDNA 3 at 2.7 GHz (dual-issue); two channels of DDR5-5600; memory shared with the processor, 16 GiB assumed; computed, not checked"
        ),
        CardProfile(
            key: "arc-a770", name: "Intel Arc A770", floatOperationsPerSecond: 17.2e12, matrixOperationsPerSecond: 137.6e12,
            bytesPerSecond: 560e9, memoryBytes: 16 << 30,
            source: "560 GB/s as published; 32 Xe cores at 2.1 GHz, 512 XMX engines as commonly quoted, not checked"),
        CardProfile(
            key: "rtx-3060", name: "NVIDIA GeForce RTX 3060", floatOperationsPerSecond: 12.7e12, matrixOperationsPerSecond: 25.5e12,
            bytesPerSecond: 360e9, memoryBytes: 12 << 30,
            source:
                "3584 cores at 1.78 GHz; tensor cores at half rate with float32 sums; 360 GB/s; as commonly quoted, not checked"
        ),
        CardProfile(
            key: "h100", name: "NVIDIA H100 SXM", floatOperationsPerSecond: 66.9e12, matrixOperationsPerSecond: 989.4e12,
            bytesPerSecond: 3.35e12, memoryBytes: 80_000_000_000,
            source: "67 TFLOPS float32, 989 float16 without sparsity, 3.35 TB/s as commonly quoted, not checked"),
    ]

    public static func named(_ key: String) -> CardProfile? { all.first { $0.key == key.lowercased() } }
}
