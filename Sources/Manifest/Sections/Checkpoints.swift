extension Manifest {
    /// When checkpoints are written, and how many are kept.
    package struct Checkpoints: KeyedSection {
        /// Nil: at the end of every epoch.
        package var everySteps: Int?
        package var keep = 3

        package init() {}

        package static let keys: [Key<Checkpoints>] = [
            Key(
                "every_steps", \.everySteps, .integer(1...1_000_000_000),
                "Steps between checkpoints; without it, one at the end of every epoch",
                aliases: ["save_steps"]),
            Key("keep", \.keep, .integer(1...1000), "Checkpoints that are kept", aliases: ["save_total_limit"]),
        ]
    }
}
