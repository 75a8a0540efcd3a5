import ArgumentParser
import CommandLineTools
import Devices
import Engine
import EngineServer
import Glibc
import Graph
import JSON
import Manifest
import Models
import Profiling
import Storage
import Tensors

/// `tala bench serve`: the speed of an engine that answers requests, without HTTP.
struct BenchServe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Time an engine: tokens a second of prompts and of answers.",
        discussion: """
            Each run computes one prompt of random tokens alone, then answers as many requests at a time as are asked for, from prompts of 8 \
            tokens. Printed are the medians of the runs: a prompt's tokens a second, new tokens a second of all requests together, and \
            processor time a token of all threads, waiting ones among them.
            """)
    @Option(help: "A model folder.") var model: String
    @Option(help: "Requests that are answered at the same time.") var requests = 1
    @Option(help: "Tokens of the prompt that is timed; 0: none.") var prompt = 512
    @Option(help: "New tokens of each answer that are timed; 0: none.") var tokens = 32
    @Option(help: "Runs.") var runs = 3
    @Option(help: "Tokens of a prompt and its answer at most.") var contextLength = 1024
    @Option(help: "How frozen weights lie on the device.") var baseWeights = BaseWeights.stored
    @Option(help: "The type of activations: float32 or bfloat16; auto: bfloat16 where weights and device have it.") var precision = "auto"
    @Option(help: "The element type of keys and values: float32 or float16.") var cacheType = "float32"
    @Option(help: "A PEFT adapter folder; may be repeated. Requests have them in turns.") var adapter: [String] = []
    @Option(help: "The largest rank of an adapter.") var adapterRank = 16
    @Option(help: "The device.") var device = "cpu"
    @Flag(help: "Print the time of each kind of kernel in a step of the prompt and of the answers.") var profile = false
    @Flag(help: "With --profile: every shape on a line of its own.") var shapes = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        for (name, number, limits) in [
            ("--requests", requests, 1...64), ("--prompt", prompt, 0...65_536), ("--tokens", tokens, 0...65_536),
            ("--runs", runs, 1...1_000),
            ("--context-length", contextLength, 16...(1 << 20)), ("--adapter-rank", adapterRank, 1...1024),
        ] where !limits.contains(number) {
            throw ValidationError("\(name) is a number from \(limits.lowerBound) to \(limits.upperBound), not \(number)")
        }
        guard adapter.count <= 64 else { throw ValidationError("--adapter is given \(adapter.count) times, 64 at most") }
        guard max(prompt + 1, Self.shortPrompt + tokens) <= contextLength else {
            throw ValidationError("--context-length \(contextLength) is too short for the prompt or the answers")
        }
        guard ["float32", "float16"].contains(cacheType) else { throw ValidationError("--cache-type is float32 or float16") }
        guard ["auto", "float32", "bfloat16"].contains(precision) else {
            throw ValidationError("--precision is auto, float32 or bfloat16")
        }
    }

    private static let shortPrompt = 8

    func run() throws {
        let start = BenchClock.now()
        var settings = EngineSettings(slots: requests, contextLength: contextLength)
        settings.cacheType = cacheType == "float16" ? .float16 : .float32
        if !adapter.isEmpty { (settings.adapterSlots, settings.adapterRank) = (adapter.count, adapterRank) }
        var options = ServedModel.Options(model: model, settings: settings)
        options.baseWeights = baseWeights
        options.activationType = precision == "auto" ? nil : ElementType(rawValue: precision)
        options.adapters = adapter.enumerated().map { (name: "\($0.offset)", folder: $0.element) }
        let chosen = try Devices.make(device) { StandardError.write(plain("the processor stands in: \($0)") + "\n") }
        let served: ServedModel
        do { served = try ServedModel(options, on: chosen) } catch { throw CommandFailure(.failed, "\(error)") }
        let loaded = BenchClock.now() - start
        var timer = ServeTimer(engine: served.engine, vocabulary: served.engine.model.configuration.vocabularySize, adapters: adapter.count)
        var (prompts, answers) = (ServeTimes(), ServeTimes())
        for _ in 0..<runs {
            if prompt > 0 { try timer.prompt(prompt, &prompts) }
            if tokens > 0 { try timer.answers(requests, of: tokens, after: Self.shortPrompt, &answers) }
        }
        var figures: [(String, JSONNode)] = [
            ("model", JSONNode(model)), ("device", JSONNode(chosen.name)), ("base_weights", JSONNode(baseWeights.rawValue)),
            ("precision", JSONNode(served.engine.model.precision.activationType.rawValue)), ("cache_type", JSONNode(cacheType)),
            ("requests", JSONNode(requests)), ("adapters", JSONNode(adapter.count)), ("runs", JSONNode(runs)),
            ("load_s", .rounded(loaded, 3)), ("peak_rss_mib", JSONNode(BenchClock.peakResidentBytes() / 1_048_576)),
        ]
        if prompt > 0 { figures += prompts.figures("prompt", tokens: prompt) }
        if tokens > 0 { figures += answers.figures("answer", tokens: requests * tokens) }
        if profile {
            let peaks = try DevicePeaks.measured(on: chosen, types: Array(chosen.activationTypes))
            var programs: [ProgramTimes] = []
            if tokens > 0 {
                let step = try served.engine.profile(rows: requests, isPrompt: false, positions: Self.shortPrompt + tokens)
                programs.append(ProgramTimes(program: "a token of each answer", plan: step.plan, seconds: step.seconds))
            }
            if prompt > 0 {
                let step = try served.engine.profile(rows: min(prompt, settings.chunkRows), isPrompt: true, positions: prompt)
                programs.append(ProgramTimes(program: "a piece of the prompt", plan: step.plan, seconds: step.seconds))
            }
            let table = ProfileTable(programs, peaks, separatesShapes: shapes)
            if json { figures.append(("profile", table.json)) } else { try StandardOutput.line(table.text) }
        }
        if json {
            try StandardOutput.json(JSONNode(figures.map { JSONMember($0.0, $0.1) }), isIndented: false)
        } else {
            for (name, value) in figures { try StandardOutput.line("\(name): \(value.string ?? JSONWriter().string(value))") }
        }
    }
}

/// Asks an engine and takes the time.
private struct ServeTimer {
    let engine: Engine
    let vocabulary: Int
    let adapters: Int
    private var state: UInt64 = 7
    private var nextID: UInt64 = 0

    init(engine: Engine, vocabulary: Int, adapters: Int) {
        (self.engine, self.vocabulary, self.adapters) = (engine, vocabulary, adapters)
    }

    private mutating func submit(_ length: Int, answer: Int) throws {
        // Tokens that no prompt before had, so that nothing is found in the cache.
        var request = GenerationRequest(
            id: nextID,
            prompt: (0..<length).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int32(truncatingIfNeeded: Int(state >> 33) % vocabulary)
            }, maximumTokens: answer)
        if adapters > 0 { request.adapter = Int(nextID % UInt64(adapters)) }
        nextID += 1
        try engine.submit(request)
    }

    /// A prompt up to its first token.
    mutating func prompt(_ length: Int, _ times: inout ServeTimes) throws {
        try submit(length, answer: 1)
        try times.add { while !engine.isIdle { _ = try engine.step() } }
    }

    /// All tokens but each request's first.
    mutating func answers(_ count: Int, of tokens: Int, after length: Int, _ times: inout ServeTimes) throws {
        for _ in 0..<count { try submit(length, answer: tokens + 1) }
        var begun = 0
        while begun < count {
            begun += try engine.step().reduce(0) { if case .token = $1 { $0 + 1 } else { $0 } }
        }
        try times.add { while !engine.isIdle { _ = try engine.step() } }
    }
}

/// Seconds of runs: on the clock, and of the processor.
private struct ServeTimes {
    private var clock = StepTimes()
    private var processor = StepTimes()

    mutating func add(_ work: () throws -> Void) rethrows {
        let (start, spent) = (BenchClock.now(), BenchClock.processorSeconds())
        try work()
        clock.seconds.append(BenchClock.now() - start)
        processor.seconds.append(BenchClock.processorSeconds() - spent)
    }

    func figures(_ name: String, tokens: Int) -> [(String, JSONNode)] {
        [
            ("\(name)_tok_s", .rounded(Double(tokens) / clock.median, 1)),
            ("\(name)_processor_ms", .rounded(processor.median * 1_000 / Double(tokens), 4)),
        ]
    }
}
