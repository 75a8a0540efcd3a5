import JSON

/// A class of transformers 5 that builds the steps of a tokenizer itself and takes only vocabulary,
/// merges and post-processor from tokenizer.json.
///
/// Which class loads a folder follows from `tokenizer_class` and from the model's type, as
/// `AutoTokenizer` decides it.
enum TokenizerClass: String, CaseIterable {
    case llama = "LlamaTokenizer"
    case qwen2 = "Qwen2Tokenizer"
    case gemma = "GemmaTokenizer"
    case gpt2 = "GPT2Tokenizer"
    case gptNeoX = "GPTNeoXTokenizer"

    /// The class by which transformers loads a type of model where the files name none, or name a
    /// wrong one.
    private static let classOfModel = [
        "qwen2": "Qwen2Tokenizer", "qwen3": "Qwen2Tokenizer", "gemma": "GemmaTokenizer", "gemma2": "GemmaTokenizer",
        "starcoder2": "GPT2Tokenizer", "gpt2": "GPT2Tokenizer", "gpt_neox": "GPTNeoXTokenizer",
    ]
    /// Types of models whose tokenizer is taken as tokenizer.json has it, whatever class the files
    /// name.
    private static let plainModels: Set<String> = ["mistral", "phi3", "granite", "olmo2", "stablelm"]
    /// Types of models of which transformers knows that their files name a wrong class.
    private static let corrected: Set<String> = ["qwen2"]
    /// Other classes of transformers that build their steps themselves, or are no tokenizer of its
    /// library.
    private static let others: Set<String> = [
        "AlbertTokenizer", "BartTokenizer", "BarthezTokenizer", "BertTokenizer", "BigBirdTokenizer", "BlenderbotTokenizer", "CLIPTokenizer",
        "CamembertTokenizer", "CodeLlamaTokenizer", "CohereTokenizer", "DebertaTokenizer", "DebertaV2Tokenizer", "FunnelTokenizer",
        "HerbertTokenizer", "LEDTokenizer", "LukeTokenizer", "MBartTokenizer", "MPNetTokenizer", "MobileBertTokenizer", "NllbTokenizer",
        "OpenAIGPTTokenizer", "PegasusTokenizer", "Qwen3_5Tokenizer", "ReformerTokenizer", "RemBertTokenizer", "RoFormerTokenizer",
        "RobertaTokenizer", "SplinterTokenizer", "T5Tokenizer", "WhisperTokenizer", "XGLMTokenizer", "XLMRobertaTokenizer",
        "XLNetTokenizer",
        "BertGenerationTokenizer", "BertJapaneseTokenizer", "BertweetTokenizer", "BioGptTokenizer", "ByT5Tokenizer", "CTRLTokenizer",
        "CpmTokenizer", "CpmAntTokenizer", "EsmTokenizer", "GPTNeoXJapaneseTokenizer", "GPTSw3Tokenizer", "M2M100Tokenizer",
        "MarianTokenizer", "PLBartTokenizer", "PhobertTokenizer", "ProphetNetTokenizer", "SiglipTokenizer", "XLMTokenizer",
    ]

    /// - Returns: nil where tokenizer.json holds as it is.
    /// - Throws: ``TokenizerError`` for a class of transformers whose steps are not known here.
    init?(_ configuration: JSONNode, file: String, _ texts: TokenizerTexts, _ tokenizer: JSONNode) throws(TokenizerError) {
        // Without config.json there is no model, and AutoTokenizer has nothing to go by.
        guard let model = try texts.json("config.json") else { return nil }
        let type = model["model_type"]?.string ?? ""
        let fromConfiguration = configuration["tokenizer_class"]?.string
        let named = (fromConfiguration ?? model["tokenizer_class"]?.string).map(Self.withoutFast)
        let registered = Self.classOfModel[type]
        let isCorrected = Self.corrected.contains(type)
        let name: String
        if named == "LlamaTokenizer", !Self.plainModels.contains(type), !isCorrected, Self.isByteLevel(tokenizer) {
            return nil
        } else if Self.plainModels.contains(type) {
            return nil
        } else if let named, let registered, named != registered {
            name = isCorrected ? registered : named
        } else if let found = named ?? registered {
            name = found
        } else {
            return nil
        }
        if let known = TokenizerClass(rawValue: name) {
            self = known
            return
        }
        guard Self.others.contains(name) else { return nil }
        throw TokenizerError(
            file: fromConfiguration == nil ? texts.place("config.json") : file, field: "tokenizer_class",
            "\(name) builds its tokenizer otherwise than tokenizer.json has it, in a way that is not known here; where tokenizer.json is what "
                + "the model was trained with, write PreTrainedTokenizerFast")
    }

    private static func withoutFast(_ name: String) -> String { name.hasSuffix("Fast") ? String(name.dropLast(4)) : name }

    /// Whether tokenizer.json works on bytes, as Llama 3 does under the name of Llama 2's class.
    private static func isByteLevel(_ tokenizer: JSONNode) -> Bool {
        func holds(_ node: JSONNode?) -> Bool {
            guard let node, node.object != nil else { return false }
            if node["type"]?.string == "ByteLevel" { return true }
            return ["pretokenizers", "decoders"].contains { (node[$0]?.array ?? []).contains { holds($0) } }
        }
        return holds(tokenizer["pre_tokenizer"]) || holds(tokenizer["decoder"])
    }

    /// A special token that the class has where the files do not name one.
    func defaultToken(_ name: String) -> JSONNode? {
        let tokens: [String: JSONNode] =
            switch self {
            case .llama: ["unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"]
            case .qwen2: ["unk_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"]
            case .gemma:
                ["unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "mask_token": "<mask>"]
            case .gpt2: ["unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"]
            case .gptNeoX:
                [
                    "unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|padding|>",
                ]
            }
        return tokens[name]
    }

    /// Whether the class adds all special tokens once more, without what their declarations say of
    /// white space.
    var readdsSpecialTokens: Bool { self == .qwen2 }

    /// Qwen's splitting expression.
    private static let qwen =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The members of tokenizer.json that the class replaces.
    /// - Parameters:
    ///   - legacy: `legacy` of tokenizer_config.json; nil where it says nothing.
    ///   - addsPrefixSpace: `add_prefix_space`.
    func steps(legacy: Bool?, addsPrefixSpace: Bool?, _ tokenizer: JSONNode) -> [String: JSONNode] {
        var steps: [String: JSONNode] = [:]
        var model: [JSONMember] = [JSONMember("type", "BPE")]
        for key in ["vocab", "merges"] { if let node = tokenizer["model"]?[key] { model.append(JSONMember(key, node)) } }
        func byteLevel(_ addsSpace: Bool, usesExpression: Bool) -> JSONNode {
            ["type": "ByteLevel", "add_prefix_space": JSONNode(addsSpace), "trim_offsets": true, "use_regex": JSONNode(usesExpression)]
        }
        func replace(_ old: String, _ new: String) -> JSONNode {
            ["type": "Replace", "pattern": ["String": JSONNode(old)], "content": JSONNode(new)]
        }
        let none: JSONNode = nil
        let normal: JSONNode = ["type": "NFC"]
        let toSpaces: [JSONNode] = [replace("\u{2581}", " "), ["type": "ByteFallback"], ["type": "Fuse"]]
        switch self {
        case .llama:
            let addsSpace = addsPrefixSpace ?? true
            // Before every stretch between added tokens in the older way, otherwise at the
            // beginning of the text alone.
            let scheme: JSONNode = !addsSpace ? "never" : legacy == true ? "always" : "first"
            model += [JSONMember("fuse_unk", true), JSONMember("byte_fallback", true)]
            steps["normalizer"] = none
            steps["pre_tokenizer"] = ["type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": scheme, "split": false]
            let strip: [JSONNode] = addsSpace ? [["type": "Strip", "content": " ", "start": 1, "stop": 0]] : []
            steps["decoder"] = ["type": "Sequence", "decoders": JSONNode(toSpaces + strip)]
        case .qwen2:
            steps["normalizer"] = normal
            let split: JSONNode = ["type": "Split", "pattern": ["Regex": JSONNode(Self.qwen)], "behavior": "Isolated", "invert": false]
            steps["pre_tokenizer"] = [
                "type": "Sequence", "pretokenizers": JSONNode([split, byteLevel(addsPrefixSpace ?? false, usesExpression: false)]),
            ]
            steps["decoder"] = byteLevel(true, usesExpression: true)
        case .gemma:
            let unknown = tokenizer["model"]?["unk_token"] ?? "<unk>"
            model += [JSONMember("fuse_unk", true), JSONMember("byte_fallback", true), JSONMember("unk_token", unknown)]
            steps["normalizer"] = replace(" ", "\u{2581}")
            steps["pre_tokenizer"] = ["type": "Split", "pattern": ["String": " "], "behavior": "MergedWithPrevious", "invert": false]
            steps["decoder"] = ["type": "Sequence", "decoders": JSONNode(toSpaces)]
        case .gpt2, .gptNeoX:
            steps["normalizer"] = self == .gpt2 ? none : normal
            steps["pre_tokenizer"] = byteLevel(addsPrefixSpace ?? false, usesExpression: true)
            steps["decoder"] = byteLevel(true, usesExpression: true)
        }
        steps["model"] = JSONNode(model)
        return steps
    }
}
