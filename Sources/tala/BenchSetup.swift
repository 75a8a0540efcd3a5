import ArgumentParser
import Devices
import Glibc
import Graph
import JSON
import Datasets
import Manifest
import Models
import Preparation
import Profiling
import Tensors
import Tokenization
import Training

/// What a benchmark of training runs: the options that `tala bench train` and `tala bench kernels`
/// share.
struct BenchOptions: ParsableArguments {
    @Option(help: "\(BenchShapes.names.joined(separator: ", ")), a config.json or the folder of one.") var shape = "smollm2-135m"
    @Option(help: "lora:RANK:all-linear, lora:RANK:NAME,NAME or full.") var adapter = "lora:16:all-linear"
    @Option(help: "Tokens a step.") var tokens = 1024
    @Option(help: "Tokens of one example.") var sequence = 256
    @Option(help: "The type of activations: float32, bfloat16 or float16, where the device has it.") var precision = "float32"
    @Option(help: "How frozen weights lie on the device; stored: as the precision.") var weights = BaseWeights.stored
    @Option(help: "Layers that are computed a second time in the backward pass.") var recompute = 0
    @Option(
        help: "supervised; dpo: pairs of examples, of which the second half is the answer; classification: one of four classes an example.")
    var method = "supervised"
    @Option(help: "cpu, vulkan, vulkan:N or auto.") var device = "cpu"

    func validate() throws {
        guard recompute >= 0 else { throw ValidationError("--recompute is a number of layers") }
        guard tokens > 1, sequence > 1, tokens <= 1 << 24, sequence <= tokens else {
            throw ValidationError("--tokens and --sequence: 1 < sequence <= tokens <= \(1 << 24), not \(sequence) and \(tokens)")
        }
        guard Self.objectives[method] != nil else {
            throw ValidationError("--method is \(Self.objectives.keys.sorted().joined(separator: " or ")), not \"\(method)\"")
        }
        guard method != "dpo" || tokens >= 2 * sequence else {
            throw ValidationError("--method \(method): a pair takes two examples, so --tokens is at least \(2 * sequence)")
        }
        _ = try (activationType(), training())
    }

    /// What `--precision` says.
    func activationType() throws(ValidationError) -> ElementType {
        guard let type = ElementType(rawValue: precision), type.isFloatingPoint else {
            throw ValidationError("--precision is float32, bfloat16 or float16, not \"\(precision)\"")
        }
        return type
    }

    private static let objectives: [String: any Objective] = [
        "supervised": SupervisedObjective(), "dpo": PreferenceObjective(),
        "classification": ClassificationObjective(classes: ["a", "b", "c", "d"]),
    ]
    var objective: any Objective { Self.objectives[method] ?? SupervisedObjective() }
    var isOfPairs: Bool { objective.purpose == .pairs }

    /// What `--adapter` says is trained.
    func training() throws -> LanguageModel.Training {
        let parts = adapter.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts == ["full"] { return .full }
        guard parts.count == 3, parts[0] == "lora", let rank = Int(parts[1]), (1...4096).contains(rank), !parts[2].isEmpty else {
            throw ValidationError("--adapter is full or lora:RANK:TARGETS with a rank of 1 to 4096, not \"\(adapter)\"")
        }
        let targets = parts[2] == "all-linear" ? .allLinear : AdapterSettings.Targets.names(parts[2].split(separator: ",").map(String.init))
        return .adapter(AdapterSettings(rank: rank, alpha: Double(2 * rank), targets: targets), seed: 1)
    }
}

/// A model with random weights on a device, and batches of random tokens for it.
struct BenchSetup {
    let options: BenchOptions
    let device: any ComputeDevice
    let model: LanguageModel
    let session: TrainingSession
    let plan: JobPlan
    /// Every token is trained but the first of each example, which nothing predicts; of pairs the
    /// second half.
    let batch: PackedBatch
    let activationType: ElementType

    /// - Parameter progress: tells what is being done, since weights, measured kernels and steps
    ///   can each take minutes.
    init(_ options: BenchOptions, progress: BenchProgress) throws {
        self.options = options
        let configuration = try BenchShapes.configuration(options.shape)
        device = try Devices.make(options.device) { progress.say("the processor stands in: \($0)") }
        progress.say("\(options.shape) on \(device.name)")
        Devices.announceTuning(on: device) { kind, number, count in
            progress.say("measuring variants of products, kind \(number) of \(count): \(kind)")
        }
        activationType = try options.activationType()
        guard device.activationTypes.contains(activationType) else {
            throw ValidationError("--precision \(options.precision): \(device.name) has no activations of this type")
        }
        let mixable = Set([ElementType.bfloat16, .float16].filter { [device] in device.mixesFloat32(with: $0) })
        model = try LanguageModel(
            configuration, source: .random(seed: 1), training: options.training(),
            precision: .init(activationType: activationType, mixableTypes: mixable, baseWeights: options.weights),
            maximumLength: options.sequence, head: options.objective.taskHead(seed: 1),
            pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let choice = JobPlan.Choice(
            tokenCount: ProgramSize.rounded(options.tokens), recomputedLayers: min(options.recompute, configuration.layerCount),
            baseWeights: model.precision.baseWeights)
        let planner = MemoryPlanner(
            device: device, optimizer: AdamWOptimizer(), objective: options.objective, byteLimit: nil,
            programBytes: device.sharesProcessMemory ? ProcessMemory.residentBytes : 0)
        plan = try planner.plan(model, choice)
        progress.say(
            "planned \(plan.peakBytes >> 20) MiB, \(Int((plan.floatingPointOperations / 1e9).rounded())) GFLOP a step; drawing weights")
        session = try planner.makeSession(model, plan)
        batch = Self.batch(options, model, trainedTokens: options.isOfPairs ? options.sequence / 2 : options.sequence)
    }

    /// Tokens that a step runs: whole examples.
    var tokenCount: Int {
        let example = options.isOfPairs ? 2 * options.sequence : options.sequence
        return options.tokens / example * example
    }

    /// Random examples, of each of which the last `trainedTokens` tokens are trained.
    static func batch(_ options: BenchOptions, _ model: LanguageModel, trainedTokens: Int) -> PackedBatch {
        var state: UInt64 = 7
        let examples = (0..<(options.tokens / options.sequence)).map { _ in
            Sample(
                ids: (0..<options.sequence).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return Int32(truncatingIfNeeded: Int(state >> 33) % model.configuration.vocabularySize)
                }, isTrained: (0..<options.sequence).map { $0 >= options.sequence - trainedTokens })
        }
        var samples = examples
        if options.isOfPairs {
            samples = (0..<examples.count / 2).map { index in
                let (first, second) = (examples[2 * index].runs[0], examples[2 * index + 1].runs[0])
                let prompt = first.ids.prefix(options.sequence - trainedTokens)
                var pair = Sample([
                    first, TokenizedExample(ids: Array(prompt) + second.ids.suffix(from: prompt.count), isTrained: second.isTrained),
                ])
                // About what random weights say of so many tokens.
                let likelihood = -Double(trainedTokens) * log(Double(model.configuration.vocabularySize))
                pair.references = [likelihood, likelihood]
                return pair
            }
        }
        let objective = options.objective
        if objective.purpose == .classification { for index in samples.indices { samples[index].labels = [index % 4] } }
        let size = ProgramSize(roundingUp: options.tokens, samples.reduce(0) { $0 + objective.lossRowCount(of: $1.size) })
        var batch = PackedBatch(
            samples, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount,
            window: model.configuration.slidingWindow, rotary: model.rotaryRows)
        batch.batchNumbers = (objective as? any ComparingObjective)?.batchNumbers(of: samples, probes: []) ?? []
        return batch
    }

    /// One optimizer step; gives the seconds it took and its loss.
    func step(_ number: Int, _ batch: PackedBatch) throws -> (seconds: Double, loss: Double) {
        let start = BenchClock.now()
        let sum = try session.addGradients(of: batch, batchWeight: batch.weight, seed: 1, step: number, microBatch: 0)
        _ = try session.update(learningRate: 1e-4, step: number)
        return (BenchClock.now() - start, sum.meanLoss)
    }

    /// The device's peaks for the types that the benchmark computes with.
    func peaks() throws -> DevicePeaks { try DevicePeaks.measured(on: device, types: Array(Set([.float32, activationType]))) }
}

enum BenchClock {
    static func now() -> Double { seconds(CLOCK_MONOTONIC) }

    /// Seconds that the processor has spent on this process's threads.
    static func processorSeconds() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

    /// Seconds since this process was started, as the kernel counts them; nil where /proc does not
    /// say.
    static func secondsSinceProcessStart() -> Double? {
        guard let file = fopen("/proc/self/stat", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4_096)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The second field is the program's name in brackets and may hold anything; the start in
        // clock ticks since boot is the 22nd.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        let ticks = sysconf(Int32(_SC_CLK_TCK))
        guard fields.count > 19, let start = Double(fields[19]), ticks > 0 else { return nil }
        return max(0, seconds(CLOCK_BOOTTIME) - start / Double(ticks))
    }

    static func peakResidentBytes() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_maxrss) * 1_024
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
