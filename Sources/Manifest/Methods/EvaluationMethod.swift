package import Grading

extension Manifest {
    /// No training: a model is run over the validation file and judged.
    package struct EvaluationMethod: MethodSpecification {
        package static let word = "evaluation"
        package static let sentence = "nothing is trained: a model is judged by validation_file"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.assistant
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false
        package static let hasHyperparameters = false

        /// How answers are made that graders judge.
        package struct Generation: KeyedSection {
            package var maximumTokens = 128
            /// 0: the likeliest token every time.
            package var temperature = 0.0
            package var topP = 1.0

            package init() {}

            package static let keys: [Key<Generation>] = [
                Key(
                    "max_tokens", \.maximumTokens, .integer(1...1_000_000), "New tokens of an answer at most",
                    aliases: ["max_new_tokens"]),
                Key(
                    "temperature", \.temperature, .number(0...100), "0 takes the likeliest token every time"),
                Key(
                    "top_p", \.topP, .number(0.01...1),
                    "Draw from the likeliest tokens with this probability together"),
            ]
        }

        package var graders: [Grader] = []
        /// `base`, or another model, against which the model is compared.
        package var comparison: String?
        package var generation = Generation()
        /// What the rows of an adapter's head mean; empty: as the model says, or their numbers.
        package var labels: [String] = []
        /// Whether a text may have any number of these classes; nil: as the model says.
        package var isMultiLabel: Bool?

        package init() {}

        package static let keys: [Key<EvaluationMethod>] = []

        package static let settings: [Key<EvaluationMethod>] = [
            Key(
                "graders", \.graders, .graders,
                "What judges generated answers, in the form of OpenAI's graders"),
            Key(
                "compare_with", \.comparison, .text(limit: 1024),
                "base, or another model: what is judged likewise, and by how much it differs"),
            Key("generation", section: \.generation, "How answers are generated"),
            Key(
                "labels", \.labels, .labels,
                "The classes of an adapter's head in the order of its rows; without it, their numbers"),
            Key("multi_label", \.isMultiLabel, .flag, "Whether a text may have any number of these classes"),
        ]

        package static func baseRate(_ adapter: Adapter.Kind) -> Double { 0 }
    }
}

extension Manifest.Method {
    package static let evaluation = Manifest.Method(Manifest.EvaluationMethod())

    /// Whether a job of this method trains; otherwise it reads a validation file and no training
    /// file.
    package var trains: Bool { hasHyperparameters }
}
