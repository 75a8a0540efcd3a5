import ArgumentParser
import CommandLineTools
import Devices
import Graph
import JSON
import Manifest
import Models
import Tensors
import Training
import VulkanBackend

extension Bench {
    /// `tala bench compile`: what a device's compiler makes of the kernels of a plan.
    struct Compile: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compile every kernel of a training plan for a Vulkan device, and print registers, spills and occupancy.",
            discussion:
                "Nothing is run, so that drivers which only compile will do. Ends with 1 if a kernel spills registers or uses scratch memory."
        )
        @Option(help: "stories260k, smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, phi-3-mini, or a config.json's folder.") var shape =
            "phi-3-mini"
        @Option(help: "Rank of the adapter; 0 trains all weights.") var rank = 16
        @Option(help: "Tokens a step.") var tokens = 512
        @Option(help: "float32, bfloat16 or float16.") var precision = "float16"
        @Option(help: "The device.") var device = "vulkan"
        @Flag(help: "Print JSON with everything that the driver says.") var json = false

        func validate() throws {
            guard (2...(1 << 20)).contains(tokens), (0...4096).contains(rank) else {
                throw ValidationError("--tokens or --rank is out of range")
            }
            guard ElementType(rawValue: precision)?.isFloatingPoint == true else {
                throw ValidationError("--precision is float32, bfloat16 or float16")
            }
        }

        func run() throws {
            let (name, kernels) = try Devices.compile(device) { device in
                try BenchShapes.plan(shape, rank: rank, tokens: tokens, ElementType(rawValue: precision) ?? .float32, device)
            }
            if json {
                let rows = kernels.map { kernel -> JSONNode in
                    [
                        "kernel": JSONNode(kernel.name), "variant": JSONNode(kernel.variant), "calls": JSONNode(kernel.callCount),
                        "compile_s": JSONNode(kernel.compileSeconds), "matrix_units": JSONNode(kernel.usesMatrixUnits),
                        "statistics": JSONNode(kernel.statistics.map { JSONMember($0.name, JSONNode($0.value)) }),
                    ]
                }
                try StandardOutput.json(["device": JSONNode(name), "kernels": JSONNode(rows)], isIndented: false)
            } else {
                try StandardOutput.line("\(name): \(kernels.count) kernels")
                try StandardOutput.line(
                    "| kernel | calls | registers | spills | scratch | shared memory | subgroups a SIMD | instructions | cycles | matrix units |"
                )
                try StandardOutput.line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
                for kernel in kernels {
                    let numbers = [
                        kernel.callCount, kernel.registers, kernel.spills, kernel.scratch, kernel.sharedMemory, kernel.occupancy,
                        kernel.instructions,
                        kernel.cycles,
                    ].map { $0.map(String.init) ?? "-" }
                    let title = kernel.variant.isEmpty ? kernel.name : "\(kernel.name) (\(kernel.variant))"
                    try StandardOutput.line("| \(title) | \(numbers.joined(separator: " | ")) | \(kernel.usesMatrixUnits ? "yes" : "") |")
                }
            }
            if kernels.contains(where: { !$0.staysInRegisters }) { throw ExitCode(1) }
        }
    }
}

extension BenchShapes {
    /// The plan of forward and backward pass of a shape with random weights; nothing is allocated.
    static func plan(_ shape: String, rank: Int, tokens: Int, _ type: ElementType, _ device: any ComputeDevice) throws -> Plan {
        let training: LanguageModel.Training =
            rank == 0 ? .full : .adapter(AdapterSettings(rank: rank, alpha: Double(2 * rank), targets: .allLinear), seed: 1)
        let model = try LanguageModel(
            try configuration(shape), source: .random(seed: 1), training: training, precision: .init(activationType: type),
            maximumLength: tokens, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let programs = Programs(model: model, optimizer: AdamWOptimizer())
        let layout = try programs.layout(within: device.limits)
        return try Planner(limits: device.limits, layout: layout).plan(programs.gradients(ProgramSize(roundingUp: tokens, tokens)))
    }
}
