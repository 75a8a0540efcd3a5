/// A job as its owner describes it, every value checked and every default filled in; `auto` stays until the data is known.
public struct Manifest: Sendable, Hashable {
    public enum Method: String, Sendable, Hashable { case supervised, pretrain }
    /// A number that the manifest gives, or one that is decided when the data is known.
    public enum Choice<Value: Sendable & Hashable>: Sendable, Hashable {
        case auto
        case value(Value)

        public var value: Value? { if case .value(let value) = self { value } else { nil } }
    }
    public enum Rate: Sendable, Hashable {
        case auto
        case rate(Double)
        /// Times the documented base rate of the adapter kind.
        case multiplier(Double)
    }
    public struct Adapter: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable { case lora, full }
        public enum Targets: Sendable, Hashable {
            case allLinear
            case names([String])
        }
        public var kind = Kind.lora
        public var rank = 16
        public var alpha = 32.0
        public var dropout = 0.0
        public var targets = Targets.allLinear
        public var usesRankStabilisedScaling = false
        public var initFrom: String?
    }
    public struct Optimizer: Sendable, Hashable {
        public enum DecayOn: String, Sendable, Hashable, CaseIterable { case matrices, all }
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var epsilon = 1e-8
        public var weightDecay = 0.01
        public var weightDecayOn = DecayOn.matrices
        public var maximumGradientNorm = 1.0
    }
    public struct Schedule: Sendable, Hashable {
        public enum Shape: String, Sendable, Hashable, CaseIterable { case constant, linear, cosine }
        public var shape = Shape.cosine
        public var warmupSteps = 0
    }
    public struct Checkpoints: Sendable, Hashable {
        /// Nil: at the end of every epoch.
        public var everySteps: Int?
        public var keep = 3
    }
    public enum TrainOn: String, Sendable, Hashable, CaseIterable { case assistant, completion, all }
    public enum OnExcess: String, Sendable, Hashable, CaseIterable { case error, truncate, drop }
    /// How the frozen weights lie on the device: `stored` as the checkpoint has them, `auto` so that the job fits its memory.
    public enum BaseWeights: String, Sendable, Hashable, CaseIterable { case auto, stored, float32, bfloat16, q8, nf4 }
    public enum Precision: String, Sendable, Hashable, CaseIterable { case auto, float32, bfloat16, float16 }

    /// A name in `models/`, a finished job's id, or a path under an allowed root.
    public var model: String
    public var trainingFile: String
    public var validationFile: String?
    public var validationSplit: Double?
    public var suffix: String?
    public var metadata: [String: String] = [:]
    public var seed: UInt64 = 42
    public var method = Method.supervised
    public var epochCount: Choice<Int> = .auto
    public var maximumSteps: Int?
    public var batchSize: Choice<Int> = .auto
    public var learningRate = Rate.auto
    public var adapter = Adapter()
    public var optimizer = Optimizer()
    public var schedule = Schedule()
    public var trainOn = TrainOn.assistant
    public var shuffle = true
    public var maximumLength = 2048
    public var onExcess = OnExcess.error
    public var checkpoint = Checkpoints()
    /// Steps between evaluations on a part of the validation data; nil: only at the end of every epoch.
    public var evaluateEverySteps: Int?
    /// `auto`, `cpu`, `vulkan`, `vulkan:1`, `vulkan:NAME`.
    public var device = "auto"
    public var precision = Precision.auto
    public var baseWeights = BaseWeights.auto
    public var priority = 0
    /// Seconds since 1970 before which the job does not start.
    public var notBefore: Int?
    /// Seconds of training after which the job stops with a checkpoint.
    public var timeLimit: Int?
    /// Money after which the job pauses with a checkpoint.
    public var costLimit: Double?
    /// Ids of jobs that must have succeeded.
    public var after: [String] = []
    /// Bytes that the worker may use.
    public var memoryLimit: Int?
    /// Whether one step is timed kernel by kernel, into `profile.json` and `profile.txt`.
    public var isProfiled = false

    public init(model: String, trainingFile: String) {
        self.model = model
        self.trainingFile = trainingFile
    }
}
