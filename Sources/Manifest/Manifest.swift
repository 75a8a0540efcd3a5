package import JSON

/// A job as its owner describes it, every value checked and every default filled in; `auto` stays
/// until the data is known.
///
/// Every key of the file stands once, in the `keys` of its section, beside the property that holds
/// its value.
package struct Manifest: KeyedSection {
    /// A value that the manifest gives, or one that is decided when the data is known.
    package enum Choice<Value: Sendable & Hashable>: Sendable, Hashable {
        case auto
        case value(Value)

        package var value: Value? { if case .value(let value) = self { value } else { nil } }
    }
    package enum TrainOn: String, Sendable, Hashable, CaseIterable { case assistant, completion, all }
    package enum OnExcess: String, Sendable, Hashable, CaseIterable { case error, truncate, drop }
    /// What is done where what people say contains the text of a control token.
    package enum SpecialTokensInText: String, Sendable, Hashable, CaseIterable {
        case warn, error
        case encodeAsText = "encode_as_text"
    }
    package enum Precision: String, Sendable, Hashable, CaseIterable { case float32, bfloat16, float16 }

    /// A name in `models/`, a finished job's id, or a path under an allowed root.
    package var model = ""
    package var trainingFile = ""
    package var validationFile: String?
    package var validationSplit: Double?
    package var suffix: String?
    package var metadata: [String: String] = [:]
    package var seed: UInt64 = 42
    package var method = Method.supervised
    package var hyperparameters = Hyperparameters()
    package var adapter = Adapter.lora(LoRA())
    /// Tokens by which the model's vocabulary grows.
    package var addedTokens: [AddedToken] = []
    package var optimizer = Optimizer(AdamW())
    package var schedule = Schedule()
    package var trainOn = TrainOn.assistant
    package var shuffle = true
    package var maximumLength = 2048
    package var onExcess = OnExcess.error
    package var specialTokensInText = SpecialTokensInText.warn
    package var checkpoint = Checkpoints()
    package var evaluation = Evaluation()
    package var result = Result()
    /// `auto`, `cpu`, `vulkan`, `vulkan:1`, `vulkan:NAME`.
    package var device = "auto"
    package var precision: Choice<Precision> = .auto
    package var baseWeights: Choice<BaseWeights> = .auto
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
    /// Lanes that each step is divided into, whatever processes carry them.
    package var ranks = 1
    /// Whether one step is timed kernel by kernel, into `profile.json` and `profile.txt`.
    package var isProfiled = false
    /// Whether a warning is an error.
    package var isStrict = false
    /// Keys of which several values are tried; nil in the manifest of a job.
    package var sweep: Sweep?
    /// Whether the job ends when its files have been validated: it is a dry run, and trains
    /// nothing.
    package var validatesOnly = false

    package init() {}

    package init(model: String, trainingFile: String) {
        self.model = model
        self.trainingFile = trainingFile
    }

    package static let keys: [Key<Manifest>] = [
        Key(
            required: "model", \.model, .text(limit: 1024),
            "A folder or a GGUF file in models/, a finished job's id, or an absolute path under an allowed root",
            aliases: ["base_model", "model_name_or_path", "base_model_name_or_path"]),
        Key(
            "training_file", \.trainingFile, .text(limit: 1024), following: "required, but for evaluation", { _ in "" },
            "In the bundle, in files/, or under an allowed root",
            aliases: ["train_file", "datasets", "dataset"]),
        Key("validation_file", \.validationFile, .text(limit: 1024), "Likewise", aliases: ["eval_file"]),
        Key(
            "validation_split", \.validationSplit, .share(below: 0.9), "Share of the examples that is held back, drawn by the seed",
            aliases: ["val_set_size", "val_size"]),
        Key("suffix", \.suffix, .name(limit: 64), "Part of the tuned model's name"),
        Key("metadata", \.metadata, .pairs(count: 16, keyLimit: 64, valueLimit: 512), "Copied into status.json"),
        Key("seed", \.seed, .seed, "Of order, split, dropout and initial values", aliases: ["random_seed"]),
        .method,
        Key(
            "adapter", kinds: Adapter.kinds, \.adapter, following: "`lora`, or `full` for pretrain",
            standard: { $0.method.standardAdapter.rawValue },
            "What is trained"),
        Key(
            "add_tokens", \.addedTokens, .addedTokens,
            "Tokens by which the vocabulary grows; their rows are trained with embedding and head",
            aliases: ["added_tokens", "additional_special_tokens", "new_tokens"]),
        Key("optimizer", kinds: Optimizer.kinds, \.optimizer, standard: { _ in AdamW.word }, "How weights are updated"),
        Key("schedule", section: \.schedule, "How the learning rate changes"),
        Key(
            "train_on", \.trainOn, .word, following: "`assistant`; `all` for pretrain, `completion` for dpo", { $0.method.standardTrainOn },
            "Which tokens are trained", aliases: ["assistant_only_loss", "train_on_inputs", "mask_prompt"]),
        Key("shuffle", \.shuffle, .flag, "Whether the examples are put in another order every epoch"),
        Key(
            "max_length", \.maximumLength, .integer(2...16_777_216), "Tokens that an example may have",
            aliases: ["max_seq_length", "max_seq_len", "sequence_len"]),
        Key(
            "on_excess", \.onExcess, .word, "What happens to longer examples", aliases: ["excess_length_strategy", "truncation_mode"]),
        Key(
            "special_tokens_in_text", \.specialTokensInText, .word,
            "What happens where what people say contains the text of a control token"),
        Key("checkpoint", section: \.checkpoint, "When checkpoints are written"),
        Key("evaluation", section: \.evaluation, "When validation data is used during an epoch"),
        Key("result", section: \.result, "In which forms the tuned model is written"),
        Key("device", \.device, .device, "Where the job runs"),
        Key(
            "precision", \.precision, .auto(or: .word), "Type of activations; sums are float32 always",
            aliases: ["bf16", "fp16", "torch_dtype", "dtype"]),
        Key(
            "base_weights", \.baseWeights, .auto(or: .word), "How frozen weights lie on the device, with lora only",
            aliases: ["load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "quantization", "quantization_config"]),
        Key("priority", \.priority, .integer(-1000...1000), "Higher runs first"),
        Key("not_before", \.notBefore, .integer(0...(1 << 40)), "Seconds since 1970 before which the job does not start"),
        Key("time_limit", \.timeLimit, .integer(1...(1 << 32)), "Seconds of a device after which the job pauses"),
        Key("cost_limit", \.costLimit, .number(0...1e12), "Money after which the job pauses, by the policy's prices"),
        Key("after", \.after, .texts(limit: 64), "Ids of jobs that must have succeeded"),
        Key("memory_limit", \.memoryLimit, .byteCount, "What the job may hold at its peak"),
        Key(
            "ranks", \.ranks, .integer(1...64), "Lanes that each step is divided into, which several devices or hosts can carry",
            aliases: ["num_processes", "nproc_per_node", "world_size", "num_gpus"]),
        Key("profile", \.isProfiled, .flag, "Whether the second step is timed kernel by kernel"),
        Key("strict", \.isStrict, .flag, "Whether warnings are errors"),
        .sweep,
        Key(
            "validate_only", \.validatesOnly, .flag,
            "Whether the job ends after validation: preview.json then says what it would do"),
    ]

    package static let exclusions = [Exclusion("validation_file", "validation_split", idle: 0)]

    /// The keys with all that is below them.
    package static let description = SectionDescription(
        keys: keys.map(\.description), exclusions: exclusions, rules: fileRules + adapterRules + addedTokenRules + trainOnRules + laneRules)
    private static let names = KeyNames(description)

    /// Reads a manifest's text. Of a sweep this is the first job's, with all that is tried beside
    /// it.
    /// - Throws: ``ManifestError`` with the key, its place and what would be right.
    package init(_ text: ManifestText) throws(ManifestError) {
        let all = try ManifestJobs(text)
        self = all.jobs.first?.manifest ?? Manifest()
        sweep = all.sweep
    }

    /// The whole of a text.
    static func root(_ text: ManifestText) -> ManifestSection {
        ManifestSection(node: text.root, path: "", text: text, names: names)
    }

    package func settle(_ section: ManifestSection) throws(ManifestError) {
        try settleFiles(section)
        if adapter == .full, let format = baseWeights.value {
            throw section.failure(
                "base_weights",
                "\(format.rawValue) is for frozen weights, but adapter.type full trains them all: leave it out, or set adapter.type to lora"
            )
        }
        if adapter == .full, optimizer.specification.adapterRateRatio != nil {
            throw section.failure(
                "optimizer", "lora_plus_ratio is for the two matrices of an adapter, but adapter.type full has none: leave it out")
        }
        try settleAddedTokens(section)
        try settleTrainOn(section)
        try settleLanes(section)
    }

    /// A checkpoint holds a digest of its job's canonical manifest: keys that came after 0.1.0
    /// stand in it only where they say something.
    package func omits(_ key: String) -> Bool {
        switch key {
        case "base_weights": adapter == .full
        case "training_file": trainingFile.isEmpty
        case "profile": !isProfiled
        case "ranks": ranks == 1
        case "special_tokens_in_text": specialTokensInText == .warn
        case "strict": !isStrict
        case "validate_only": !validatesOnly
        default: false
        }
    }

    /// The manifest as it would be written with every key spelled out; reading it gives the same
    /// manifest.
    package var json: JSONNode { JSONNode(members) }
}

extension Manifest {
    /// Whether a word names a device, be it there or not.
    package static func isDevice(_ word: String) -> Bool {
        ["auto", "cpu", "vulkan"].contains(word) || word.hasPrefix("vulkan:") && word.utf8.count > 7
    }

    /// A size as people write it: `2147483648`, `512MiB`, `1.5 GiB`; nil if it is none.
    package static func byteCount(_ text: String) -> Int? {
        if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.utf8.count <= 18, let number = Int(text), number > 0 { return number }
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.utf8.dropLast(3).reversed().drop { $0 == UInt8(ascii: " ") }.reversed()
        let parts = digits.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...6).contains(parts[0].count), parts.count == 1 || (1...9).contains(parts[1].count),
            parts.allSatisfy({ $0.allSatisfy { (0x30...0x39).contains($0) } }),
            let number = Double(String(decoding: digits, as: UTF8.self)),
            number > 0
        else { return nil }
        return Int((number * Double(1 << unit.1)).rounded(.up))
    }
}
