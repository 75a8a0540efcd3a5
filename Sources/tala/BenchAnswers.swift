import ArgumentParser
import CommandLineTools
import Devices
import Engine
import Glibc
import Graph
import JSON
import Models
import Tensors
import Tokenization

/// `tala bench answers`: the speed of the answers that an evaluation makes, of a shape with random
/// weights.
struct BenchAnswers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answers", abstract: "Answer many prompts at a time with random weights, as an evaluation job does.",
        discussion: """
            Prints new tokens a second over all answers, prompts included, and the seconds that all of them took. Kernels are prepared before. \
            No answer ends early.
            """)
    @Option(help: "\(BenchShapes.names.joined(separator: ", ")), a config.json or the folder of one.") var shape = "smollm2-135m"
    @Option(help: "Prompts.") var prompts = 64
    @Option(help: "Tokens of a prompt.") var promptTokens = 64
    @Option(help: "New tokens of an answer.") var newTokens = 64
    @Option(help: "Answers that are made at the same time; as an evaluation job has it if left out.") var slots: Int?
    @Option(help: "The type of activations: float32, bfloat16 or float16, where the device has it.") var precision = "float32"
    @Option(help: "cpu, vulkan, vulkan:N or auto.") var device = "cpu"
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        let limits = 1...65_536
        for (name, number) in [("--prompts", prompts), ("--prompt-tokens", promptTokens), ("--new-tokens", newTokens)]
        where !limits.contains(number) {
            throw ValidationError("\(name) is a number from 1 to \(limits.upperBound), not \(number)")
        }
        if let slots, !(1...64).contains(slots) { throw ValidationError("--slots is a number from 1 to 64, not \(slots)") }
        guard ElementType(rawValue: precision)?.isFloatingPoint == true else {
            throw ValidationError("--precision is float32, bfloat16 or float16, not \"\(precision)\"")
        }
    }

    func run() throws {
        let progress = BenchProgress()
        let configuration = try BenchShapes.configuration(shape)
        let chosen = try Devices.make(device) { progress.say("the processor stands in: \($0)") }
        progress.say("\(shape) on \(chosen.name); drawing weights")
        let type = ElementType(rawValue: precision) ?? .float32
        guard chosen.activationTypes.contains(type) else {
            throw ValidationError("--precision \(precision): \(chosen.name) has no activations of this type")
        }
        let mixable = Set([ElementType.bfloat16, .float16].filter { chosen.mixesFloat32(with: $0) })
        let length = promptTokens + newTokens + 1
        let model = try LanguageModel(
            configuration, source: .random(seed: 1), training: .nothing, precision: .init(activationType: type, mixableTypes: mixable),
            maximumLength: length, pageByteLimit: min(64 << 20, chosen.limits.maximumTensorBytes))
        let settings = EngineSettings.batch(questionCount: prompts, slots: slots, contextLength: length)
        let engine = try Engine(model, tokenizer: BenchTokenizer.make(), on: chosen, settings)
        progress.say("preparing kernels")
        try engine.prepare()
        // One answer first: what is measured once per process is not timed.
        _ = try answer(engine, count: 1, seed: 1)
        progress.say("\(prompts) prompts of \(promptTokens) tokens, \(newTokens) new ones each")
        let start = BenchClock.now()
        let tokens = try answer(engine, count: prompts, seed: 2)
        let seconds = BenchClock.now() - start
        let figures: [(String, JSONNode)] = [
            ("shape", JSONNode(shape)), ("precision", JSONNode(precision)), ("device", JSONNode(chosen.name)),
            ("prompts", JSONNode(prompts)), ("prompt_tokens", JSONNode(promptTokens)), ("new_tokens", JSONNode(newTokens)),
            ("slots", JSONNode(settings.slots)),
            ("used_rows", .rounded(Double(engine.rowCounts.asked) / Double(max(1, engine.rowCounts.computed)), 3)),
            ("tokens", JSONNode(tokens)), ("seconds", .rounded(seconds, 4)),
            ("tok_s_median", .rounded(Double(tokens) / seconds, 1)), ("tok_s_best", .rounded(Double(tokens) / seconds, 1)),
            ("first_step_s", BenchClock.secondsSinceProcessStart().map { .rounded($0 - seconds, 3) } ?? .null),
            ("peak_rss_mib", JSONNode(BenchClock.peakResidentBytes() / 1_048_576)),
            ("planned_mib", JSONNode(try Engine.byteCount(model, on: chosen, settings) / 1_048_576)),
        ]
        if json {
            try StandardOutput.json(JSONNode(figures.map { JSONMember($0.0, $0.1) }), isIndented: false)
        } else {
            for (name, value) in figures { try StandardOutput.line("\(name): \(value.string ?? JSONWriter().string(value))") }
        }
    }

    /// Answers prompts of random tokens; gives the number of new tokens.
    private func answer(_ engine: Engine, count: Int, seed: UInt64) throws -> Int {
        var state = seed
        for index in 0..<count {
            let prompt = (0..<promptTokens).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int32(truncatingIfNeeded: Int(state >> 33) % engine.model.configuration.vocabularySize)
            }
            var request = GenerationRequest(id: UInt64(index), prompt: prompt, maximumTokens: newTokens)
            request.sampling = SamplingSettings(temperature: 0, topP: 1, seed: 0)
            try engine.submit(request)
        }
        var tokens = 0
        while !engine.isIdle {
            for event in try engine.step() { if case .token = event { tokens += 1 } }
        }
        return tokens
    }
}

/// A tokenizer for a shape that has none: prompts are token ids, and what the answers say does not
/// matter.
enum BenchTokenizer {
    static func make() throws -> Tokenizer {
        let node = try JSONParser().parse(
            #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": [], "decoder": null, "pre_tokenizer": null}"#)
        return try Tokenizer(json: node)
    }
}
