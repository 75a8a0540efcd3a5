import ArgumentParser
import CommandLineTools
import Devices
import Graph
import JSON
import Tensors

extension Bench {
    /// `tala bench tune`: measures the variants of a device's kernels and keeps the best of them
    /// for all jobs.
    struct Tune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure the variants of a Vulkan device's matrix products for a shape, and keep the best of them on disk.")
        @Option(help: "stories260k, smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, phi-3-mini, or a config.json's folder.") var shape =
            "stories260k"
        @Option(help: "Rank of the adapter; 0 trains all weights.") var rank = 16
        @Option(help: "Tokens a step.") var tokens = 1024
        @Option(help: "float32, bfloat16 or float16.") var precision = "float32"
        @Option(help: "The device.") var device = "vulkan"
        @Option(help: "Seconds that may be spent.") var seconds = 120.0
        @Flag(help: "Print every measurement, not only the best.") var verbose = false
        @Flag(help: "Print one JSON object, also for an error.") var json = false

        func validate() throws {
            guard (2...(1 << 20)).contains(tokens), (0...4096).contains(rank), seconds > 0, seconds <= 86_400 else {
                throw ValidationError("--tokens, --rank or --seconds is out of range")
            }
            guard ElementType(rawValue: precision)?.isFloatingPoint == true else {
                throw ValidationError("--precision is float32, bfloat16 or float16")
            }
        }

        func run() throws {
            var best: [String: (variant: String, gigaflops: Double, count: Int)] = [:]
            var order: [String] = []
            let output = DeferredOutput()
            try Devices.tune(device, seconds: seconds) { device in
                try BenchShapes.plan(shape, rank: rank, tokens: tokens, ElementType(rawValue: precision) ?? .float32, device)
            } report: { product, variant, gigaflops in
                if verbose, !json { output.line("  \(Self.rounded(gigaflops)) GFLOP/s  \(product)  \(variant)") }
                if best[product] == nil { order.append(product) }
                let known = best[product] ?? (variant, 0, 0)
                best[product] =
                    gigaflops > known.gigaflops ? (variant, gigaflops, known.count + 1) : (known.variant, known.gigaflops, known.count + 1)
            }
            try output.finish()
            let rows = order.compactMap { product in best[product].map { (product, $0) } }
            if json {
                let found = rows.map { product, best -> JSONNode in
                    [
                        "product": JSONNode(product), "variant": JSONNode(best.variant),
                        "gflop_s": JSONNode(Self.rounded(best.gigaflops)), "measured": JSONNode(best.count),
                    ]
                }
                return try StandardOutput.json(["products": JSONNode(found)], isIndented: false)
            }
            try StandardOutput.line("layout, types of a, b and result, classes of rows, columns, inner size | GFLOP/s | variant | measured")
            for (product, found) in rows {
                try StandardOutput.line("\(product) | \(Self.rounded(found.gigaflops)) | \(found.variant) | \(found.count)")
            }
        }

        private static func rounded(_ number: Double) -> Double { number.isFinite ? (number * 100).rounded() / 100 : 0 }
    }
}
