import JSON

/// The ways in which byte-level tokenizers split text before merging, and the names by which
/// llama.cpp knows them (`tokenizer.ggml.pre`); read in both directions.
///
/// On the way out a way is found by the expression itself and by what stands before and behind the
/// text, not by a digest of the tokenizer's output: a tokenizer with more tokens splits as the one
/// did from which it was made.
enum GGUFSplitting: CaseIterable {
    case gpt2
    /// Digits alone, then as GPT-2.
    case digits
    /// Llama 3's expression, and a word that is a token is that token.
    case llama3
    /// Llama 3's expression alone.
    case dbrx
    case qwen2
    case qwen35
    case gpt4o
    case tekken

    /// What llama.cpp calls it (llama-vocab.cpp); the first is written.
    private var names: [String] {
        switch self {
        case .gpt2: ["gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4"]
        case .digits: ["smollm", "refact", "starcoder", "command-r", "codeshell", "exaone", "minerva-7b"]
        case .llama3: ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"]
        case .dbrx: ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"]
        case .qwen2: ["qwen2", "deepseek-r1-qwen", "kormo", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"]
        case .qwen35: ["qwen35"]
        case .gpt4o: ["gpt-4o", "llama4", "kanana2", "minimax-m2"]
        case .tekken: ["tekken"]
        }
    }

    var name: String { names[0] }

    init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.names.contains(name) }) else { return nil }
        self = found
    }

    static var allNames: [String] { allCases.flatMap(\.names).sorted() }

    /// Whether a word that is a token is taken for it before anything is merged.
    var ignoresMerges: Bool { self == .llama3 || self == .tekken }
    /// Whether a begin token stands before the text where the file does not say it.
    var addsBegin: Bool { self == .llama3 || self == .tekken }

    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    private static let spaces = #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let upper = #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#

    /// The expression of tokenizer.json; nil where it is GPT-2's, which ByteLevel has in it.
    private var expression: String? {
        let (words, marks) = (#"|[^\r\n\p{L}\p{N}]?\p{L}+|"#, #"| ?[^\s\p{L}\p{N}]+[\r\n]*"#)
        func cased(_ ending: String, _ digits: String) -> String {
            "\(Self.upper)*\(Self.lower)+\(ending)|\(Self.upper)+\(Self.lower)*\(ending)|\(digits)" + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*"#
                + Self.spaces
        }
        switch self {
        case .gpt2, .digits: return nil
        case .llama3, .dbrx: return Self.contractions + words + #"\p{N}{1,3}"# + marks + Self.spaces
        case .qwen2: return Self.contractions + words + #"\p{N}"# + marks + Self.spaces
        case .qwen35:
            return Self.contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"# + Self.spaces
        case .gpt4o: return cased(Self.contractions + "?", #"\p{N}{1,3}"#)
        case .tekken: return cased("", #"\p{N}"#)
        }
    }

    /// `pre_tokenizer` of tokenizer.json.
    var preTokenizer: JSONNode {
        func byteLevel(usesExpression: Bool) -> JSONNode {
            ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": JSONNode(usesExpression)]
        }
        func sequence(_ first: JSONNode, _ second: JSONNode) -> JSONNode {
            ["type": "Sequence", "pretokenizers": JSONNode([first, second])]
        }
        if let expression {
            let split: JSONNode = [
                "type": "Split", "pattern": ["Regex": JSONNode(expression)], "behavior": "Isolated", "invert": false,
            ]
            return sequence(split, byteLevel(usesExpression: false))
        }
        guard self == .digits else { return byteLevel(usesExpression: true) }
        return sequence(["type": "Digits", "individual_digits": true], byteLevel(usesExpression: true))
    }

    /// - Parameter file: tokenizer.json.
    /// - Throws: ``GGUFError`` with the expression where none is known.
    init(of file: JSONNode) throws(GGUFError) {
        let splitter = file["pre_tokenizer"]
        let steps = splitter?["pretokenizers"]?.array ?? splitter.map { [$0] } ?? []
        let expressions = steps.compactMap { $0["pattern"]?["Regex"]?.string }
        let hasDigits = steps.contains { $0["type"]?.string == "Digits" && $0["individual_digits"]?.bool == true }
        guard let expression = expressions.first, expressions.count == 1 else {
            let isByteLevel = expressions.isEmpty && steps.contains { $0["type"]?.string == "ByteLevel" && $0["use_regex"]?.bool != false }
            guard isByteLevel else {
                throw GGUFError("tokenizer.json: llama.cpp has no name for this splitting: \(expressions.joined(separator: " and "))")
            }
            self = hasDigits ? .digits : .gpt2
            return
        }
        if expression.contains("\\p{Lu}") {
            self = expression.contains("\\p{N}{1,3}") ? .gpt4o : .tekken
            return
        }
        guard expression.contains(Self.contractions) else {
            throw GGUFError("tokenizer.json: llama.cpp has no name for this splitting: \(expression)")
        }
        if expression.contains("\\p{N}{1,3}") {
            let ignoresMerges = file["model"]?["ignore_merges"]?.bool == true
            self = ignoresMerges || Self.begins(file) ? .llama3 : .dbrx
        } else {
            self = expression.contains("\\p{M}") ? .qwen35 : .qwen2
        }
    }

    /// Whether a token is put before the text.
    private static func begins(_ file: JSONNode) -> Bool {
        let processor = file["post_processor"]
        let all = processor?["processors"]?.array ?? processor.map { [$0] } ?? []
        return all.contains { $0["single"]?.array?.first?["SpecialToken"] != nil }
    }
}
