extension Manifest {
    /// Supervised tuning towards what a larger model says: of each trained token the whole
    /// distribution of a teacher, beside the token itself.
    package struct Distillation: MethodSpecification {
        package static let word = "distillation"
        package static let sentence = "conversations, or prompts with completions, whose tokens a larger model weighs"
        package static let adapter = Adapter.Kind.lora
        package static let trainOn = TrainOn.assistant
        package static let readsPlainText = false
        package static let mayBeginAtRandom = false
        package static let hasLanes = false

        /// How a teacher's weights lie on the device.
        package enum TeacherWeights: String, Sendable, Hashable, CaseIterable {
            case stored, q8, nf4

            package var format: BaseWeights {
                switch self {
                case .stored: .stored
                case .q8: .q8
                case .nf4: .nf4
                }
            }
        }

        /// A name in `models/`, a finished job's id, or a path under an allowed root.
        package var teacher = ""
        package var teacherWeights = TeacherWeights.stored
        package var temperature = 1.0
        /// The part of the divergence in the loss; the rest is the cross-entropy's.
        package var alpha = 0.5

        package init() {}

        package static let keys: [Key<Distillation>] = []

        package static let settings: [Key<Distillation>] = [
            Key(
                required: "teacher", \.teacher, .text(limit: 1024), "The larger model, named as `model` is; it must have the same tokens",
                aliases: ["teacher_model", "teacher_model_name_or_path"]),
            Key(
                "teacher_weights", \.teacherWeights, .word, "How the teacher's weights lie on the device",
                aliases: ["teacher_load_in_4bit", "teacher_quantization"]),
            Key("temperature", \.temperature, .number(0.05...100), "What both models' logits are divided by in the divergence"),
            Key(
                "alpha", \.alpha, .number(0...1), "The part of the divergence in the loss; the rest is the cross-entropy's",
                aliases: ["distillation_alpha", "kd_alpha"]),
        ]

        package static func baseRate(_ adapter: Adapter.Kind) -> Double { Supervised.baseRate(adapter) }
    }
}

extension Manifest.Method {
    package static let distillation = Manifest.Method(Manifest.Distillation())
}
