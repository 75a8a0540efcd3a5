import JSON

extension Manifest {
    /// How the learning rate changes from step to step, by transformers' rules and names: the first
    /// step of a warm-up has rate 0.
    package struct Schedule: KeyedSection {
        package enum Shape: String, Sendable, Hashable, CaseIterable {
            case constant, linear, cosine, polynomial
            case constantWithWarmup = "constant_with_warmup"
            case cosineWithRestarts = "cosine_with_restarts"
            case cosineWithMinimum = "cosine_with_min_lr"
            case cosineWarmupWithMinimum = "cosine_warmup_with_min_lr"
            case inverseRoot = "inverse_sqrt"
            case warmupStableDecay = "warmup_stable_decay"
        }
        /// A curve between 0 and 1.
        package enum Curve: String, Sendable, Hashable, CaseIterable {
            case linear, cosine
            case root = "1-sqrt"
        }
        package var shape = Shape.cosine
        package var warmupSteps = 0
        /// The warm-up as a share of all steps, until these are known.
        package var warmupShare: Double?
        package var cycleCount: Double?
        package var power: Double?
        package var endRate: Double?
        package var timescale: Int?
        package var minimumRate: Double?
        package var minimumShare: Double?
        package var warmupStartShare: Double?
        package var decaySteps: Int?
        package var stableSteps: Int?
        package var minimumRatio: Double?
        package var warmupCurve: Curve?
        package var decayCurve: Curve?

        package init() {}

        package static let keys: [Key<Schedule>] = [
            Key(
                "type", \.shape, .word, "How the rate goes down after the warm-up",
                aliases: ["lr_scheduler_type", "lr_scheduler", "lr_schedule"]),
            Key(
                "warmup_steps", \.warmupSteps, .integer(0...1_000_000_000), "Steps in which the rate rises from 0",
                aliases: ["num_warmup_steps"]),
            Key("warmup_ratio", \.warmupShare, .number(0...1), "The same as a share of all steps, instead of warmup_steps"),
            Key(
                "num_cycles", \.cycleCount, .number(0...1000),
                "Waves of the cosine (0.5 without it), or restarts (1 without it)"),
            Key("power", \.power, .number(0...100), "Of the polynomial; 1 without it"),
            Key("lr_end", \.endRate, .number(0...1000), "Rate at which the polynomial ends; 1e-7 without it"),
            Key("timescale", \.timescale, .integer(1...1_000_000_000), "Of the root; the warm-up's steps without it, or 10000"),
            Key("min_lr", \.minimumRate, .number(0...1000), "Rate at which the cosine ends"),
            Key("min_lr_rate", \.minimumShare, .number(0...1), "The same as a share of the highest rate, instead of min_lr"),
            Key("warmup_lr_rate", \.warmupStartShare, .number(0...1), "Share of the highest rate at which the warm-up begins"),
            Key("num_decay_steps", \.decaySteps, .integer(0...1_000_000_000), "Steps in which the rate goes down at the end"),
            Key(
                "num_stable_steps", \.stableSteps, .integer(0...1_000_000_000),
                "Steps at the highest rate; all but warm-up and decay without it"),
            Key("min_lr_ratio", \.minimumRatio, .number(0...1), "Share of the highest rate at which the decay ends and the warm-up begins"),
            Key("warmup_type", \.warmupCurve, .word, "Curve of the warm-up; linear without it"),
            Key("decay_type", \.decayCurve, .word, "Curve of the decay; cosine without it"),
        ]

        package static let exclusions = [Exclusion("warmup_steps", "warmup_ratio", idle: 0), Exclusion("min_lr", "min_lr_rate", idle: nil)]

        /// The types with which a key has a meaning; nil: all.
        static func shapes(of key: String) -> [Shape]? {
            switch key {
            case "num_cycles": [.cosine, .cosineWithRestarts, .cosineWithMinimum, .cosineWarmupWithMinimum, .warmupStableDecay]
            case "power", "lr_end": [.polynomial]
            case "timescale": [.inverseRoot]
            case "min_lr", "min_lr_rate": [.cosineWithMinimum, .cosineWarmupWithMinimum]
            case "warmup_lr_rate": [.cosineWarmupWithMinimum]
            case "num_decay_steps", "num_stable_steps", "min_lr_ratio", "warmup_type", "decay_type": [.warmupStableDecay]
            default: nil
            }
        }

        /// Of these keys a type needs one.
        static func needed(by shape: Shape) -> [String] {
            switch shape {
            case .cosineWithMinimum, .cosineWarmupWithMinimum: ["min_lr", "min_lr_rate"]
            case .warmupStableDecay: ["num_decay_steps"]
            default: []
            }
        }
    }
}
