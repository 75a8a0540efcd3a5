extension Manifest {
    /// When the validation data is used during an epoch.
    package struct Evaluation: KeyedSection {
        /// Nil: only at the end of every epoch.
        package var everySteps: Int?

        package init() {}

        package static let keys: [Key<Evaluation>] = [
            Key(
                "every_steps", \.everySteps, .integer(1...1_000_000_000), "Steps between evaluations of one validation batch",
                aliases: ["eval_steps", "evaluation_steps"])
        ]
    }
}
