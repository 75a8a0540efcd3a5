import ArgumentParser
import CommandLineTools
import Graph
import JSON
import Profiling
import Training

/// `tala bench kernels`: every operation of a training step at the shapes of a model.
struct BenchKernels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Time every operation of a training step at a model's shapes.",
        discussion: """
            For each operation and shape: calls a step, milliseconds, GFLOP/s, GB/s, the floor (the time that its arithmetic takes at the \
            measured peak of a matrix product, or its memory traffic at the measured peak of memory, whichever is longer) and the distance \
            to it. The fastest of the runs counts. Operands that lie in a cache can be nearer than the floor says.
            """)
    @OptionGroup var options: BenchOptions
    @Option(help: "Runs of the step, the fastest of which counts for each shape.") var runs = 3
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (1...1_000).contains(runs) else { throw ValidationError("--runs is a number from 1 to 1000, not \(runs)") }
    }

    func run() throws {
        let progress = BenchProgress()
        let setup = try BenchSetup(options, progress: progress)
        progress.say("first step")
        let first = try setup.step(1, setup.batch)
        progress.say("took \(BenchProgress.seconds(first.seconds)); measuring the device's peaks, then \(runs) runs call by call")
        let peaks = try setup.peaks()
        var fastest = try setup.session.profile(setup.batch)
        for _ in 1..<runs {
            for (index, times) in try setup.session.profile(setup.batch).enumerated() {
                for (call, seconds) in times.seconds.enumerated() {
                    fastest[index].seconds[call] = min(fastest[index].seconds[call], seconds)
                }
            }
        }
        let table = ProfileTable(fastest, peaks, separatesShapes: true)
        if json {
            try StandardOutput.json(
                [
                    "shape": JSONNode(options.shape), "device": JSONNode(setup.device.name), "precision": JSONNode(options.precision),
                    "tokens": JSONNode(setup.tokenCount), "sequence": JSONNode(options.sequence), "kernels": table.json,
                ], isIndented: false)
        } else {
            let batch = "\(setup.tokenCount) tokens in examples of \(options.sequence)"
            try StandardOutput.line("\(options.shape), \(batch), \(options.precision), \(setup.device.name)")
            try StandardOutput.line(table.text)
        }
    }
}
