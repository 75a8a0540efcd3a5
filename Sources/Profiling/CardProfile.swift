/// The peaks of a card that an estimate is made from, nothing measured.
///
/// Every figure was looked up or follows by the arithmetic that its `source` gives from figures
/// that were (gpu-monkey.com for the RX 6800, cputronic.com for the RX 7900 XTX, io-tech.fi for the
/// 780M, svethardware.cz and yd166.com on what Intel published of the A770, sysrqmts.com for the
/// RTX 3060, hpctech.co.jp and glennklockwood.com for the H100). Two factors are assumptions: that
/// of two for float16 matrices on RDNA 3, and the half rate with float32 sums on the RTX 3060.
package struct CardProfile: Sendable, Hashable {
    /// As `--device-profile` names it.
    package var key: String
    package var name: String
    /// Float32 multiply-adds of the shader units, operations a second (two an addition and a
    /// multiplication).
    package var floatOperationsPerSecond: Double
    /// Float16 products with float32 sums on matrix units that Vulkan offers as cooperative
    /// matrices; nil where there are none.
    package var matrixOperationsPerSecond: Double?
    package var bytesPerSecond: Double
    package var memoryBytes: Int
    /// How the figures follow from what is published.
    package var source: String

    /// The profiles that there are.
    package static let all: [CardProfile] = [
        CardProfile(
            key: "rx-7900-xtx", name: "AMD Radeon RX 7900 XTX", floatOperationsPerSecond: 61.4e12, matrixOperationsPerSecond: 122.8e12,
            bytesPerSecond: 960e9, memoryBytes: 24 << 30,
            source: "published: 61.4 TFLOPS float32 (both halves of dual issue), 960 GB/s; float16 matrices at twice that, as RDNA 3 has it"
        ),
        CardProfile(
            key: "rx-6800", name: "AMD Radeon RX 6800", floatOperationsPerSecond: 16.17e12, matrixOperationsPerSecond: nil,
            bytesPerSecond: 512e9, memoryBytes: 16 << 30, source: "published: 16.17 TFLOPS float32, 512 GB/s; no matrix units"),
        CardProfile(
            key: "radeon-780m", name: "AMD Radeon 780M", floatOperationsPerSecond: 8.29e12, matrixOperationsPerSecond: 16.6e12,
            bytesPerSecond: 89.6e9, memoryBytes: 16 << 30,
            source:
                "published: 12 compute units (768 lanes) at 2.7 GHz; so 8.29 TFLOPS float32 in dual issue, twice that in float16 matrices; two channels of "
                + "DDR5-5600; memory is the processor's, 16 GiB assumed"),
        CardProfile(
            key: "arc-a770", name: "Intel Arc A770", floatOperationsPerSecond: 17.2e12, matrixOperationsPerSecond: 137.6e12,
            bytesPerSecond: 560e9, memoryBytes: 16 << 30,
            source:
                "published: 32 Xe cores at 2.1 GHz, 16 float32 and 128 float16 matrix operations a cycle in each of their 512 engines; 560 GB/s"
        ),
        CardProfile(
            key: "rtx-3060", name: "NVIDIA GeForce RTX 3060", floatOperationsPerSecond: 12.74e12, matrixOperationsPerSecond: 25.5e12,
            bytesPerSecond: 360e9, memoryBytes: 12 << 30,
            source:
                "published: 3584 lanes at 1.777 GHz, 12.74 TFLOPS float32, 360 GB/s; 112 tensor cores of 128 float16 multiply-adds a cycle, at half "
                + "rate with float32 sums"),
        CardProfile(
            key: "h100", name: "NVIDIA H100 SXM", floatOperationsPerSecond: 66.9e12, matrixOperationsPerSecond: 989.4e12,
            bytesPerSecond: 3.35e12, memoryBytes: 80_000_000_000,
            source: "published: 66.9 TFLOPS float32, 989.4 float16 matrices without sparsity, 3.35 TB/s"),
    ]

    package static func named(_ key: String) -> CardProfile? { all.first { $0.key == key.lowercased() } }
}
