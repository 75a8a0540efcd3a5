import ArgumentParser
import CommandLineTools
import Devices
import Graph
import Storage
import JSON
import Manifest
import Models
import Tensors
import Training

/// `tala bench plan`: what it costs to build a job's programs and to prepare them, for a first and
/// for a new number of tokens.
struct BenchPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Time the building of programs: graph, gradients, places in memory, kernels.",
        discussion: """
            Nothing is computed and no weight is drawn. Kernels are prepared where that needs no memory of the device, on the processor. The first \
            figures are of a fresh process; those of a new number of tokens are of a step that is the first with that many.
            """)
    @OptionGroup var options: BenchOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let configuration = try BenchShapes.configuration(options.shape)
        let device = try Devices.make(options.device) { StandardError.write(plain("the processor stands in: \($0)") + "\n") }
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        var figures: [(String, JSONNode)] = [
            ("shape", JSONNode(options.shape)), ("layers", JSONNode(configuration.layerCount)), ("device", JSONNode(device.name)),
        ]
        let start = BenchClock.now()
        let model = try LanguageModel(
            configuration, source: .random(seed: 1), training: options.training(),
            precision: .init(
                activationType: options.activationType(), mixableTypes: mixable, baseWeights: options.weights),
            maximumLength: options.sequence, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let choice = JobPlan.Choice(
            tokenCount: ProgramSize.rounded(options.tokens), recomputedLayers: min(options.recompute, configuration.layerCount),
            baseWeights: model.precision.baseWeights)
        let programs = Programs(model: model, optimizer: AdamWOptimizer(), choice: choice)
        let layout = try programs.layout(within: device.limits)
        figures.append(("model_ms", Self.milliseconds(since: start)))
        for (name, tokens) in [("first", options.tokens), ("new_tokens", options.tokens + 64), ("known_shapes", options.tokens + 64)] {
            let size = ProgramSize(roundingUp: tokens, tokens)
            let began = BenchClock.now()
            let graph = try programs.gradients(size)
            let built = BenchClock.now()
            let plan = try Planner(limits: device.limits, layout: layout).plan(graph)
            let placed = BenchClock.now()
            _ = try device.workspaceByteCount(plan, layout: layout)
            let prepared = BenchClock.now()
            figures += [
                ("\(name)_graph_ms", .rounded((built - began) * 1000, 2)), ("\(name)_plan_ms", .rounded((placed - built) * 1000, 2)),
                ("\(name)_kernels_ms", .rounded((prepared - placed) * 1000, 2)),
                ("\(name)_total_ms", .rounded((prepared - began) * 1000, 2)), ("\(name)_calls", JSONNode(plan.calls.count)),
            ]
        }
        if json {
            try StandardOutput.json(JSONNode(figures.map { JSONMember($0.0, $0.1) }), isIndented: false)
        } else {
            for (name, value) in figures { try StandardOutput.line("\(name): \(value.string ?? JSONWriter().string(value))") }
        }
    }

    private static func milliseconds(since start: Double) -> JSONNode { .rounded((BenchClock.now() - start) * 1000, 2) }
}
