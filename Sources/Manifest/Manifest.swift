/// A job as its owner describes it, every value checked and every default filled in; `auto` stays until the data is known.
package struct Manifest: Sendable, Hashable {
    package enum Method: String, Sendable, Hashable { case supervised, pretrain }
    /// A number that the manifest gives, or one that is decided when the data is known.
    package enum Choice<Value: Sendable & Hashable>: Sendable, Hashable {
        case auto
        case value(Value)

        package var value: Value? { if case .value(let value) = self { value } else { nil } }
    }
    package enum Rate: Sendable, Hashable {
        case auto
        case rate(Double)
        /// Times the documented base rate of the adapter kind.
        case multiplier(Double)
    }
    package struct Adapter: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable { case lora, full }
        package enum Targets: Sendable, Hashable {
            case allLinear
            case names([String])
        }
        package var kind = Kind.lora
        package var rank = 16
        package var alpha = 32.0
        package var dropout = 0.0
        package var targets = Targets.allLinear
        package var usesRankStabilisedScaling = false
        package var initFrom: String?
        /// What a manifest may leave to the adapter that training starts from; the raw values are the keys.
        package enum Inheritable: String, Sendable, Hashable, CaseIterable {
            case rank, alpha
            case targets = "target_modules"
            case scaling = "use_rslora"
        }
        /// What it does leave: with `init_from` the values above are then the initial adapter's, whatever stands here.
        package var inherited: Set<Inheritable> = []
    }
    package struct Optimizer: Sendable, Hashable {
        package enum DecayOn: String, Sendable, Hashable, CaseIterable { case matrices, all }
        package var beta1 = 0.9
        package var beta2 = 0.999
        package var epsilon = 1e-8
        package var weightDecay = 0.01
        package var weightDecayOn = DecayOn.matrices
        package var maximumGradientNorm = 1.0
    }
    package struct Schedule: Sendable, Hashable {
        package enum Shape: String, Sendable, Hashable, CaseIterable { case constant, linear, cosine }
        package var shape = Shape.cosine
        package var warmupSteps = 0
    }
    package struct Checkpoints: Sendable, Hashable {
        /// Nil: at the end of every epoch.
        package var everySteps: Int?
        package var keep = 3
    }
    package enum TrainOn: String, Sendable, Hashable, CaseIterable { case assistant, completion, all }
    package enum OnExcess: String, Sendable, Hashable, CaseIterable { case error, truncate, drop }
    /// How the frozen weights lie on the device: `stored` as the checkpoint has them, `auto` so that the job fits its memory.
    package enum BaseWeights: String, Sendable, Hashable, CaseIterable { case auto, stored, float32, bfloat16, q8, nf4 }
    package enum Precision: String, Sendable, Hashable, CaseIterable { case auto, float32, bfloat16, float16 }

    /// A name in `models/`, a finished job's id, or a path under an allowed root.
    package var model: String
    package var trainingFile: String
    package var validationFile: String?
    package var validationSplit: Double?
    package var suffix: String?
    package var metadata: [String: String] = [:]
    package var seed: UInt64 = 42
    package var method = Method.supervised
    package var epochCount: Choice<Int> = .auto
    package var maximumSteps: Int?
    package var batchSize: Choice<Int> = .auto
    package var learningRate = Rate.auto
    package var adapter = Adapter()
    package var optimizer = Optimizer()
    package var schedule = Schedule()
    package var trainOn = TrainOn.assistant
    package var shuffle = true
    package var maximumLength = 2048
    package var onExcess = OnExcess.error
    package var checkpoint = Checkpoints()
    /// Steps between evaluations on a part of the validation data; nil: only at the end of every epoch.
    package var evaluateEverySteps: Int?
    /// `auto`, `cpu`, `vulkan`, `vulkan:1`, `vulkan:NAME`.
    package var device = "auto"
    package var precision = Precision.auto
    package var baseWeights = BaseWeights.auto
    package var priority = 0
    /// Seconds since 1970 before which the job does not start.
    package var notBefore: Int?
    /// Seconds of training after which the job stops with a checkpoint.
    package var timeLimit: Int?
    /// Money after which the job pauses with a checkpoint.
    package var costLimit: Double?
    /// Ids of jobs that must have succeeded.
    package var after: [String] = []
    /// Bytes that the worker may use.
    package var memoryLimit: Int?
    /// Whether one step is timed kernel by kernel, into `profile.json` and `profile.txt`.
    package var isProfiled = false

    package init(model: String, trainingFile: String) {
        self.model = model
        self.trainingFile = trainingFile
    }
}
