extension Manifest {
    /// How long and how fast is trained: what every method has.
    package struct Hyperparameters: KeyedSection {
        package var epochCount: Choice<Int> = .auto
        package var maximumSteps: Int?
        /// Examples of one optimizer step.
        package var batchSize: Choice<Int> = .auto
        package var learningRate: Choice<Double> = .auto
        /// Times the method's own rate.
        package var learningRateMultiplier: Choice<Double> = .auto

        package init() {}

        package static let keys: [Key<Hyperparameters>] = [
            Key(
                "n_epochs", \.epochCount, .auto(or: .integer(1...100_000)), "Times that every example is seen; auto is 3",
                aliases: ["num_train_epochs", "num_epochs", "epochs"]),
            Key("max_steps", \.maximumSteps, .integer(1...1_000_000_000), "Optimizer steps, instead of n_epochs", aliases: ["iters"]),
            Key(
                "batch_size", \.batchSize, .auto(or: .integer(1...65_536)),
                "Examples in one optimizer step; auto is 0.2 % of the examples, 1 to 256",
                aliases: ["per_device_train_batch_size", "gradient_accumulation_steps", "micro_batch_size", "train_batch_size"]),
            Key(
                "learning_rate", \.learningRate, .auto(or: .number(0...1000)), "Highest rate of the schedule; auto depends on the method",
                aliases: ["lr"]),
            Key(
                "learning_rate_multiplier", \.learningRateMultiplier, .auto(or: .number(0...5)),
                "Times what auto would be, instead of learning_rate"),
        ]

        package static let exclusions = [Exclusion("n_epochs", "max_steps"), Exclusion("learning_rate", "learning_rate_multiplier")]

        /// Only one key of each pair stands in the canonical manifest.
        package func omits(_ key: String) -> Bool {
            switch key {
            case "n_epochs": maximumSteps != nil
            case "learning_rate": learningRateMultiplier != .auto
            case "learning_rate_multiplier": learningRateMultiplier == .auto
            default: false
            }
        }

        /// The highest rate of the schedule.
        /// - Parameter base: what `auto` is.
        package func peakRate(base: Double) -> Double {
            learningRate.value ?? base * (learningRateMultiplier.value ?? 1)
        }
    }
}
