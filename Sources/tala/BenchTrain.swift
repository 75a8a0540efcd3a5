import ArgumentParser
import CommandLineTools
import Devices
import Glibc
import Graph
import JSON
import Manifest
import Profiling
import Tensors
import Training

/// `tala bench train`: the speed of training a shape with random weights.
struct BenchTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a shape with random weights and random tokens; every token counts in the loss.",
        discussion: """
            Prints tokens a second (median, slowest and fastest step), seconds from the start of the process to the end of the first step, \
            peak resident and planned memory, and the arithmetic of a step beside the measured peak of a matrix product. The first step is \
            not among the timed ones. What is being done is told on standard error: on a device that multiplies slowly a step of a large \
            shape takes minutes, and --seconds ends the run early.
            """)
    @OptionGroup var options: BenchOptions
    @Option(help: "Timed steps; one more runs before them.") var steps = 5
    @Option(help: "Begin no further timed step after so many seconds of them; one is always timed.") var seconds = 600.0
    @Option(
        help: ArgumentHelp(
            "Also time steps in which only this share of each example is trained: the head is computed for trained rows only.",
            valueName: "share"))
    var trainedShare: Double?
    @Flag(help: "Print the time of each kind of kernel, its share and its distance to the floor.") var profile = false
    @Flag(help: "With --profile: every shape on a line of its own.") var shapes = false
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...100_000).contains(steps) else { throw ValidationError("--steps is a number from 1 to 100000, not \(steps)") }
        guard seconds >= 0, seconds.isFinite else { throw ValidationError("--seconds is a number of seconds, not \(seconds)") }
        if let trainedShare {
            guard trainedShare > 0, trainedShare <= 1 else { throw ValidationError("--trained-share is over 0 and at most 1") }
        }
    }

    func run() throws {
        let progress = BenchProgress()
        let setup = try BenchSetup(options, progress: progress)
        progress.say("first step, which also prepares the kernels")
        let first = try setup.step(1, setup.batch)
        let firstStepSeconds = BenchClock.secondsSinceProcessStart()
        progress.say("took \(BenchProgress.seconds(first.seconds)); now \(steps) timed steps")
        let (times, loss) = try timedSteps(setup, setup.batch, from: 2, progress)
        let peakBytes = BenchClock.peakResidentBytes()
        let deviceBytes = Devices.peakAllocatedBytes(of: setup.device)
        let tokens = Double(setup.tokenCount)
        let cost = try setup.session.stepCost(setup.batch)
        let peaks = try setup.peaks()
        let rate = cost.floatingPointOperations / times.median
        let peak = peaks.operationsPerSecond(setup.activationType)
        var figures: [(String, JSONNode)] = [
            ("shape", JSONNode(options.shape)), ("adapter", JSONNode(options.adapter)), ("precision", JSONNode(options.precision)),
            ("weights", JSONNode(options.weights.rawValue)), ("device", JSONNode(setup.device.name)),
            ("tokens", JSONNode(setup.tokenCount)), ("sequence", JSONNode(options.sequence)), ("steps", JSONNode(times.seconds.count)),
            ("tok_s_median", .rounded(tokens / times.median, 1)), ("tok_s_min", .rounded(tokens / times.slowest, 1)),
            ("tok_s_best", .rounded(tokens / times.fastest, 1)), ("step_s_median", .rounded(times.median, 5)),
            ("step_s_min", .rounded(times.fastest, 5)), ("first_step_s", firstStepSeconds.map { .rounded($0, 3) } ?? .null),
            ("tuning_s", Devices.tuningSeconds(of: setup.device).map { .rounded($0, 3) } ?? .null),
            ("peak_rss_mib", JSONNode(peakBytes / 1_048_576)), ("planned_mib", JSONNode(setup.plan.peakBytes / 1_048_576)),
            ("device_mib", deviceBytes.map { JSONNode($0 / 1_048_576) } ?? .null),
            ("gflop_per_step", .rounded(cost.floatingPointOperations / 1e9, 1)), ("gflop_s", .rounded(rate / 1e9, 1)),
            ("peak_product_gflop_s", .rounded(peak / 1e9, 1)), ("share_of_peak", .rounded(rate / peak, 3)),
            ("peak_memory_gb_s", .rounded(peaks.bytesPerSecond / 1e9, 1)), ("loss", .rounded(loss, 6)),
        ]
        if let trainedShare {
            let trained = max(1, min(options.sequence, Int((Double(options.sequence) * trainedShare).rounded())))
            let batch = BenchSetup.batch(options, setup.model, trainedTokens: trained)
            _ = try setup.step(steps + 2, batch)
            let partial = try timedSteps(setup, batch, from: steps + 3, progress).times
            figures.append(("trained_share", .rounded(Double(trained) / Double(options.sequence), 3)))
            figures.append(("tok_s_median_at_trained_share", .rounded(tokens / partial.median, 1)))
            figures.append(("gain_of_trained_rows", .rounded(times.median / partial.median, 3)))
        }
        if profile {
            // Another batch has run since, whose inputs the program would still hold.
            if trainedShare != nil { _ = try setup.step(2 * steps + 4, setup.batch) }
            progress.say("one more step, call by call")
            let programs = try setup.session.profile(setup.batch)
            let table = ProfileTable(programs, peaks, separatesShapes: shapes)
            if json { figures.append(("profile", table.json)) } else { try StandardOutput.line(table.text) }
        }
        if json {
            try StandardOutput.json(JSONNode(figures.map { JSONMember($0.0, $0.1) }), isIndented: false)
        } else {
            for (name, value) in figures { try StandardOutput.line("\(name): \(value.string ?? JSONWriter().string(value))") }
        }
    }

    /// Steps from the number `first` on, as many as are asked for and the time allows; with the
    /// loss of the last.
    private func timedSteps(
        _ setup: BenchSetup, _ batch: PackedBatch, from first: Int, _ progress: BenchProgress
    ) throws -> (times: StepTimes, loss: Double) {
        var times = StepTimes()
        var loss = 0.0
        var spent = 0.0
        for number in 0..<steps where number == 0 || spent < seconds {
            let result = try setup.step(first + number, batch)
            times.seconds.append(result.seconds)
            spent += result.seconds
            loss = result.loss
            progress.say("step \(number + 1) of \(steps): \(BenchProgress.seconds(result.seconds))", atMostEvery: 5)
        }
        return (times, loss)
    }
}

/// The seconds of timed steps.
struct StepTimes {
    var seconds: [Double] = []

    var fastest: Double { seconds.min() ?? .nan }
    var slowest: Double { seconds.max() ?? .nan }
    var median: Double {
        let sorted = seconds.sorted()
        guard !sorted.isEmpty else { return .nan }
        guard sorted.count % 2 == 0 else { return sorted[sorted.count / 2] }
        return (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
}
