import Graph
import ArgumentParser
import Glibc
import JSON
import Models
import Storage
import Tensors
import Training
import Worker

/// `tala bench train`: the speed of training a shape with random weights.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measure speed and memory.", subcommands: [Train.self, Tune.self])

    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Train a shape with random weights and random tokens; every token counts in the loss.")
        @Option(help: "stories260k, smollm2-135m, qwen2.5-0.5b, llama-3.2-1b, phi-3-mini, or a config.json's folder.") var shape =
            "smollm2-135m"
        @Option(help: "lora:RANK:all-linear, lora:RANK:NAME,NAME or full.") var adapter = "lora:16:all-linear"
        @Option(help: "Tokens a step.") var tokens = 1024
        @Option(help: "Tokens of one example.") var sequence = 256
        @Option(help: "float32 or bfloat16.") var precision = "float32"
        @Option(help: "Frozen weights: stored (as the precision), float32, bfloat16, q8 or nf4.") var weights = "stored"
        @Option(help: "The device.") var device = "cpu"
        @Option(help: "Timed steps; one more runs before them.") var steps = 5
        @Flag(help: "Print JSON.") var json = false
        @Flag(help: "Print the time of each kind of kernel.") var profile = false

        func validate() throws {
            guard tokens > 1, sequence > 1, steps > 0, tokens <= 1 << 24, sequence <= tokens else {
                throw ValidationError("--tokens, --sequence or --steps is out of range")
            }
            guard ElementType(rawValue: precision)?.isFloatingPoint == true else {
                throw ValidationError("--precision is float32, bfloat16 or float16")
            }
            guard BaseWeights(rawValue: weights) != nil else { throw ValidationError("--weights is stored, float32, bfloat16, q8 or nf4") }
        }

        func run() throws {
            let start = Self.now()
            let configuration = try BenchmarkShapes.configuration(shape)
            let parts = adapter.split(separator: ":").map(String.init)
            let training: LanguageModel.Training
            if parts.first == "full" {
                training = .full
            } else {
                guard parts.count == 3, parts[0] == "lora", let rank = Int(parts[1]), (1...4096).contains(rank) else {
                    throw ValidationError("--adapter is full or lora:RANK:TARGETS")
                }
                training = .adapter(
                    AdapterSettings(
                        rank: rank, alpha: Double(2 * rank),
                        targets: parts[2] == "all-linear" ? .allLinear : .names(parts[2].split(separator: ",").map(String.init))), seed: 1)
            }
            let chosen = try Devices.make(device)
            let model = try LanguageModel(
                configuration, source: .random(seed: 1), training: training,
                precision: .init(
                    activationType: ElementType(rawValue: precision) ?? .float32,
                    mixableTypes: Set([ElementType.bfloat16, .float16].filter { chosen.mixesFloat32(with: $0) }),
                    baseWeights: BaseWeights(rawValue: weights) ?? .stored),
                maximumLength: sequence, pageByteLimit: min(64 << 20, chosen.limits.maximumTensorBytes))
            let programs = Programs(model: model, optimizer: OptimizerSettings())
            let size = ProgramSize(roundingUp: tokens, tokens)
            let session = try TrainingSession(device: chosen, programs: programs, largest: size)
            var state: UInt64 = 7
            let examples = (0..<(tokens / sequence)).map { _ in
                TrainingExample(
                    ids: (0..<sequence).map { _ in
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        return Int32(truncatingIfNeeded: Int(state >> 33) % configuration.vocabularySize)
                    }, isTrained: Array(repeating: true, count: sequence))
            }
            let batch = PackedBatch(
                examples, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount, window: configuration.slidingWindow,
                rotary: model.rotaryRows)
            var seconds: [Double] = []
            var firstStep = 0.0
            var loss = 0.0
            for step in 1...(steps + 1) {
                let began = Self.now()
                loss = try session.addGradients(of: batch, batchTrainedTokens: batch.trainedCount, seed: 1, step: step, microBatch: 0)
                    .meanLoss
                _ = try session.update(learningRate: 1e-4, step: step)
                if step == 1 { firstStep = Self.now() - start } else { seconds.append(Self.now() - began) }
            }
            if profile { for line in try session.profile(batch) { print(line) } }
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            seconds.sort()
            let median = seconds[seconds.count / 2]
            let count = Double(examples.count * sequence)
            let plan = try MemoryPlanner(limits: chosen.limits, optimizer: OptimizerSettings(), byteLimit: nil).plan(
                model, size: size, recomputedLayers: 0)
            let figures: JSONNode = [
                "shape": JSONNode(shape), "adapter": JSONNode(adapter), "precision": JSONNode(precision), "device": JSONNode(chosen.name),
                "tokens": JSONNode(examples.count * sequence),
                "tok_s_median": JSONNode(count / median), "tok_s_best": JSONNode(count / seconds[0]), "step_s_median": JSONNode(median),
                "first_step_s": JSONNode(firstStep),
                "peak_rss_mib": JSONNode(Int(usage.ru_maxrss / 1024)), "planned_mib": JSONNode(plan.deviceBytes / 1_048_576),
                "gflop_per_step": JSONNode(plan.floatingPointOperations / 1e9),
                "gflop_s": JSONNode(plan.floatingPointOperations / 1e9 / median), "loss": JSONNode(loss),
            ]
            if json {
                print(JSONWriter().string(figures))
            } else {
                for member in figures.object ?? [] { print("\(member.key): \(member.node.string ?? JSONWriter().string(member.node))") }
            }
        }

        private static func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
    }
}

/// The shapes of published models, for benchmarks with random weights.
enum BenchmarkShapes {
    static func configuration(_ name: String) throws -> ModelConfiguration {
        let known: [String: JSONNode] = [
            "stories260k": shape("llama", 64, 5, 8, 4, 172, 512, ties: true),
            "smollm2-135m": shape("llama", 576, 30, 9, 3, 1536, 49152, ties: true),
            "qwen2.5-0.5b": shape("qwen2", 896, 24, 14, 2, 4864, 151_936, ties: true),
            "llama-3.2-1b": shape("llama", 2048, 16, 32, 8, 8192, 128_256, ties: true),
            "phi-3-mini": shape("phi3", 3072, 32, 32, 32, 8192, 32064, ties: false),
        ]
        if let node = known[name] { return try ModelConfiguration(json: node, file: name) }
        return try ModelConfiguration(folder: name.hasSuffix("/config.json") ? String(name.dropLast(12)) : name)
    }

    private static func shape(
        _ type: String, _ hidden: Int, _ layers: Int, _ heads: Int, _ keyValueHeads: Int, _ feedForward: Int, _ vocabulary: Int, ties: Bool
    ) -> JSONNode {
        [
            "model_type": JSONNode(type), "hidden_size": JSONNode(hidden), "num_hidden_layers": JSONNode(layers),
            "num_attention_heads": JSONNode(heads),
            "num_key_value_heads": JSONNode(keyValueHeads), "intermediate_size": JSONNode(feedForward), "vocab_size": JSONNode(vocabulary),
            "tie_word_embeddings": JSONNode(ties),
            "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
        ]
    }
}
