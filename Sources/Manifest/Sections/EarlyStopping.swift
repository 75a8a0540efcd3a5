extension Manifest {
    /// When a run ends that no longer gets better on the validation data.
    package struct EarlyStopping: KeyedSection {
        /// `loss`, `accuracy`, or a column that the method has of its own.
        package var metric = "loss"
        package var patience = 3
        package var threshold = 0.0

        package init() {}

        package static let keys: [Key<EarlyStopping>] = [
            Key(
                "metric", \.metric, .name(limit: 64), "Figure of the whole validation set: loss, accuracy, or a column of the method's own",
                aliases: ["metric_for_best_model", "monitor"]),
            Key(
                "patience", \.patience, .integer(1...1_000_000), "Evaluations in a row that are no better before the run ends",
                aliases: ["early_stopping_patience"]),
            Key(
                "threshold", \.threshold, .number(0...1e9), "How much better than all before counts as better",
                aliases: ["early_stopping_threshold", "min_delta"]),
        ]
    }
}
