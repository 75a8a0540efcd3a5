import JSON

/// A model family in GGUF files: its tables, and what config.json or a file of it says that the
/// other does not. Everything has a usual answer but the names and the form.
protocol GGUFFamily: Sendable {
    /// `model_type` of config.json.
    static var modelType: String { get }
    /// transformers' class.
    static var className: String { get }
    static var form: GGUFForm { get }

    // MARK: To a file

    /// Columns between the projections of a feed-forward layer.
    static func innerWidth(_ configuration: GGUFConfiguration) throws(GGUFError) -> Int
    /// Heads of keys of each layer, where files say so; nil: all layers have the same.
    static func keyHeads(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> [Int]?
    /// The columns of a head that are rotated, where files say so beside its width.
    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int?
    /// - Throws: ``GGUFError`` naming the key that no file can say, where llama.cpp computes in one
    ///   way only.
    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError)
    /// What llama.cpp computes otherwise, though the file can be used, a sentence each.
    static func remarks(writing configuration: GGUFConfiguration) -> [String]

    // MARK: From a file

    /// Whether a file of the architecture is of this family, where several families have it.
    static func isMeant(by metadata: GGUFMetadata) throws(GGUFFault) -> Bool
    /// What llama.cpp's program knows and its files do not say, as members of config.json.
    static func members(_ reader: GGUFConfigurationReader) throws(GGUFFault) -> [JSONMember]
    /// What config.json says of YaRN's rotations and no file does.
    static var yarnMembers: [JSONMember] { get }
    /// What a file cannot say of its model, a sentence each.
    static func remarks(reading reader: GGUFConfigurationReader) throws(GGUFFault) -> [String]
}

extension GGUFFamily {
    static func innerWidth(_ configuration: GGUFConfiguration) throws(GGUFError) -> Int { try configuration.count("intermediate_size") }
    static func keyHeads(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> [Int]? { nil }
    static func rotatedColumns(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) -> Int? { nil }
    static func check(_ configuration: GGUFConfiguration, _ sizes: GGUFConfiguration.Sizes) throws(GGUFError) {}
    static func remarks(writing configuration: GGUFConfiguration) -> [String] { [] }
    static func isMeant(by metadata: GGUFMetadata) throws(GGUFFault) -> Bool { modelType == form.name }
    static func members(_ reader: GGUFConfigurationReader) throws(GGUFFault) -> [JSONMember] { [] }
    static var yarnMembers: [JSONMember] { [] }
    static func remarks(reading reader: GGUFConfigurationReader) throws(GGUFFault) -> [String] { [] }
}

enum GGUFFamilies {
    static let all: [any GGUFFamily.Type] = [
        LlamaFiles.self, MistralFiles.self, MixtralFiles.self, SmolLM3Files.self, GraniteFiles.self, Phi3Files.self, PhiMoEFiles.self,
        PhiFiles.self, Qwen2Files.self, Qwen3Files.self, Qwen3MoEFiles.self, LFM2Files.self, GPTOSSFiles.self, OLMo2Files.self,
        Gemma2Files.self, Gemma3Files.self, GLM4Files.self, StarCoder2Files.self, GPT2Files.self, GPTNeoXFiles.self,
    ]

    static func family(_ modelType: String) -> (any GGUFFamily.Type)? { all.first { $0.modelType == modelType } }

    /// The family that a file is read as; nil for an architecture that is not known.
    static func family(of architecture: String, _ metadata: GGUFMetadata) throws(GGUFFault) -> (any GGUFFamily.Type)? {
        let families = all.filter { $0.form.name == architecture }
        guard families.count > 1 else { return families.first }
        for family in families where try family.isMeant(by: metadata) { return family }
        return nil
    }
}
