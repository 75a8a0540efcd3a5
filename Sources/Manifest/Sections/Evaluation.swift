extension Manifest {
    /// When the validation data is used during an epoch, and what follows from it.
    package struct Evaluation: KeyedSection {
        /// Nil: only at the end of every epoch.
        package var everySteps: Int?
        /// Nil: the run goes to its end.
        package var earlyStopping: EarlyStopping?
        /// Whether the result is that of the best evaluation, not of the last step.
        package var loadsBest = false

        package init() {}

        package static let keys: [Key<Evaluation>] = [
            Key(
                "every_steps", \.everySteps, .integer(1...1_000_000_000), "Steps between evaluations of one validation batch",
                aliases: ["eval_steps", "evaluation_steps"]),
            Key(
                "early_stopping", section: \.earlyStopping,
                "Ends the run when it no longer gets better; each evaluation is then of the whole validation set"),
            Key(
                "load_best", \.loadsBest, .flag, "Whether the result is the model of the best evaluation, not of the last step",
                aliases: ["load_best_model_at_end"]),
        ]

        /// Checkpoints hold a digest of the canonical manifest: what came later stands in it only
        /// where it says something.
        package func omits(_ key: String) -> Bool { key == "load_best" && !loadsBest }
    }
}
