import ArgumentParser

/// `tala bench`: speed and memory with random weights, so that no checkpoint is needed.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure speed and memory.",
        subcommands: [
            BenchTrain.self, BenchAnswers.self, BenchKernels.self, BenchServe.self, Tune.self, Compile.self, BenchMakeCheckpoint.self,
            BenchPlan.self,
        ])
}
