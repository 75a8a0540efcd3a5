import JSON

/// The tokens with a meaning of their own, as the files of a model folder name them.
///
/// The texts come from tokenizer_config.json, then special_tokens_map.json; ids from the tokenizer,
/// and from generation_config.json and config.json where no text is given.
package struct SpecialTokens: Sendable, Hashable {
    /// Begin-of-sequence, for example `<s>`.
    package var begin: String?
    /// End-of-sequence, for example `</s>` or `<|endoftext|>`.
    package var end: String?
    package var padding: String?
    package var unknown: String?
    package var beginID: Int32?
    package var endID: Int32?
    package var paddingID: Int32?
    /// Ids at which generation stops: the end-of-sequence token and those that
    /// generation_config.json lists, in ascending order.
    package var stopIDs: [Int32]

    package init() {
        stopIDs = []
    }

    init(configuration: TokenizerConfiguration, tokenizer: Tokenizer) {
        begin = configuration.begin
        end = configuration.end
        padding = configuration.padding
        unknown = configuration.unknown
        beginID = begin.flatMap { tokenizer.id(of: $0) } ?? configuration.beginID
        endID = end.flatMap { tokenizer.id(of: $0) } ?? configuration.endIDs.first
        paddingID = padding.flatMap { tokenizer.id(of: $0) } ?? configuration.paddingID
        stopIDs = Set(configuration.endIDs + (endID.map { [$0] } ?? [])).sorted()
    }
}

/// What tokenizer_config.json and the files beside it say about a tokenizer: special tokens and the
/// chat template.
struct TokenizerConfiguration {
    var begin: String?
    var end: String?
    var padding: String?
    var unknown: String?
    var beginID: Int32?
    var paddingID: Int32?
    /// Tokens that end generation.
    var endIDs: [Int32] = []
    var templates: TemplateSources

    /// - Throws: ``TokenizerError``. Missing files are not an error.
    init(_ texts: TokenizerTexts) throws(TokenizerError) {
        var templates = TemplateSources(files: try Self.templateFiles(texts))
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            guard let file = try texts.json(name) else { continue }
            begin = begin ?? Self.token(file["bos_token"])
            end = end ?? Self.token(file["eos_token"])
            padding = padding ?? Self.token(file["pad_token"])
            unknown = unknown ?? Self.token(file["unk_token"])
            if templates.isEmpty { templates = try TemplateSources(file["chat_template"], file: texts.place(name)) }
        }
        // Where processors of images and texts keep it.
        let older = "chat_template.json"
        if templates.isEmpty, let file = try texts.json(older) {
            templates = try TemplateSources(file["chat_template"], file: texts.place(older))
        }
        self.templates = templates
        for name in ["generation_config.json", "config.json"] {
            guard let file = try texts.json(name) else { continue }
            if endIDs.isEmpty, let ends = file["eos_token_id"] {
                endIDs = (ends.array ?? [ends]).compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
            }
            beginID = beginID ?? file["bos_token_id"]?.integer.flatMap { Int32(exactly: $0) }
            paddingID = paddingID ?? file["pad_token_id"]?.integer.flatMap { Int32(exactly: $0) }
        }
    }

    /// A special token is its text, or an object that holds it.
    private static func token(_ node: JSONNode?) -> String? { node?.string ?? node?["content"]?.string }

    /// The templates that stand in files of their own.
    private static func templateFiles(_ texts: TokenizerTexts) throws(TokenizerError) -> [(name: String, file: String, text: String)] {
        var files: [(name: String, file: String, text: String)] = []
        for file in texts.templateNames {
            guard let bytes = try texts.contents(file, limit: 4) else { continue }
            let place = texts.place(file)
            if let standIn = FileStandIn.description(of: bytes) { throw TokenizerError(file: place, standIn) }
            guard let text = String(validating: bytes, as: UTF8.self) else { throw TokenizerError(file: place, "is not text") }
            let isNamed = file.hasPrefix(TokenizerTexts.namedTemplates)
            let name =
                isNamed
                ? String(file.dropFirst(TokenizerTexts.namedTemplates.count + 1).dropLast(TokenizerTexts.templateEnding.count)) : "default"
            files.append((name, place, text))
        }
        return files
    }
}
