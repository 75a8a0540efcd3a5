extension Manifest {
    /// How the learning rate changes from step to step, by transformers' rule: the first step of a
    /// warm-up has rate 0.
    package struct Schedule: KeyedSection {
        package enum Shape: String, Sendable, Hashable, CaseIterable { case constant, linear, cosine }
        package var shape = Shape.cosine
        package var warmupSteps = 0

        package init() {}

        package static let keys: [Key<Schedule>] = [
            Key(
                "type", \.shape, .word, "How the rate goes down after the warm-up",
                aliases: ["lr_scheduler_type", "lr_scheduler", "lr_schedule"]),
            Key(
                "warmup_steps", \.warmupSteps, .integer(0...1_000_000_000), "Steps in which the rate rises from 0",
                aliases: ["warmup_ratio", "num_warmup_steps"]),
        ]
    }
}
