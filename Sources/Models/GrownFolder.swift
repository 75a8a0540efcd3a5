import JSON
package import Manifest
import Storage
package import Tensors
import Tokenization

/// A model whose vocabulary is larger than its files say: with tokens that a job adds, or that an
/// adapter for it has.
///
/// Everything that reads it sees a larger model: the texts of the tokenizer, `vocab_size`, and rows
/// of embedding and head, which hold the mean of the rows before them. Rows that the embedding has
/// beyond the tokenizer, as many models do, are used first.
package struct GrownFolder: ModelFolder {
    private let base: any ModelFolder
    /// What of the texts is another than the base's; nil: it has none of this name.
    private let changed: [String: [UInt8]?]
    /// The rows of embedding and head that are not the base's.
    package let rows: Range<Int>
    /// The rows of the base's embedding.
    package let oldCount: Int
    /// The tokens that were added and their ids, where a job adds them.
    package private(set) var tokens: [(text: String, id: Int32)] = []
    /// Names of the tensors with a row for each token.
    private let tensors: Set<String>

    /// Rows that a vocabulary may have.
    private static let limit = 1 << 24

    package var path: String { base.path }
    package var companions: [String] {
        base.companions + changed.keys.filter { !base.companions.contains($0) }.sorted()
    }

    /// The texts of a tokenizer.
    package static let tokenizerTexts = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    ]

    private init(
        _ base: any ModelFolder, _ configuration: ModelConfiguration, _ texts: [String: [UInt8]?], rows: Range<Int>
    ) throws {
        (self.base, self.rows, oldCount) = (base, rows, configuration.vocabularySize)
        var texts = texts
        let size = max(configuration.vocabularySize, rows.upperBound)
        let name = "config.json"
        guard size <= Self.limit else {
            throw ModelError(file: "manifest", field: "add_tokens", "would make \(size) tokens, and \(Self.limit) is the most")
        }
        if size != configuration.vocabularySize, let text = try base.text(name, limit: 16 << 20) {
            let members = (try JSONParser().parse(text).object ?? []).map { member in
                member.key == "vocab_size" ? JSONMember(member.key, JSONNode(size)) : member
            }
            texts[name] = JSONWriter(isIndented: true).bytes(JSONNode(members)) + [0x0A]
        }
        changed = texts
        let family = configuration.family?.family
        let names = family?.names ?? ModelNames()
        let prefix = family.flatMap { type(of: $0).optionalPrefix } ?? ""
        let full = [names.embedding, names.head, names.headBias].compactMap { $0 }
        tensors = Set(full + full.map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 })
    }

    /// A model with more tokens.
    /// - Throws: what reading the model's texts throws, ``ModelError`` of the manifest where it has
    ///   such a token.
    package init(_ base: any ModelFolder, adding tokens: [Manifest.AddedToken]) throws {
        let configuration = try ModelConfiguration(base)
        let additions = tokens.map { GrownTokenizer.Addition(content: $0.content, flags: $0.flags) }
        let tokenizer: GrownTokenizer
        do throws(TokenizerError) { tokenizer = try GrownTokenizer(TokenizerTexts(base), adding: additions) } catch {
            throw ModelError(file: error.file, field: error.field, errorNumber: error.errorNumber, error.message)
        }
        let end = Int(tokenizer.ids.max() ?? -1) + 1
        let first = min(tokenizer.oldCount, configuration.vocabularySize)
        try self.init(base, configuration, tokenizer.texts.mapValues { Optional($0) }, rows: first..<max(first + 1, end))
        self.tokens = zip(tokens, tokenizer.ids).map { ($0.content, $1) }
    }

    /// The model as an adapter knows it; nil where that has no more tokens than the model.
    ///
    /// An adapter whose embedding is its own may have a tokenizer beside it, as PEFT and
    /// transformers leave it there. What it has beyond the model's is what it adds.
    /// - Throws: ``ModelError`` where it is the tokenizer of another model, or the embedding has
    ///   too few rows for it.
    package init?(_ base: any ModelFolder, for adapter: AdapterFolder) throws {
        let own = HuggingFaceFolder(path: adapter.path)
        let (name, limit) = ("tokenizer.json", 256 << 20)
        guard adapter.savesModules, let text = try own.text(name, limit: limit), text != (try base.text(name, limit: limit)) else {
            return nil
        }
        let configuration = try ModelConfiguration(base)
        guard let names = configuration.family?.family.names else { return nil }
        var texts: [String: [UInt8]?] = [:]
        for name in Self.tokenizerTexts {
            let found = try own.text(name, limit: limit)
            // A template that is not there is the model's.
            if found != nil || name != "chat_template.jinja" { texts[name] = .some(found) }
        }
        let known = try Tokenizer(TokenizerTexts(base))
        let first = min(known.vocabularySize, configuration.vocabularySize)
        let stored = adapter.rowCount(of: names.embedding) ?? configuration.vocabularySize
        let plain = try GrownFolder(
            base, configuration, texts, rows: first..<max(first + 1, stored > configuration.vocabularySize ? stored : 0))
        let tokenizer = try Tokenizer(TokenizerTexts(plain))
        guard tokenizer.vocabularySize > known.vocabularySize else { return nil }
        for id in 0..<Int32(truncatingIfNeeded: known.vocabularySize) {
            let (mine, other) = (known.token(of: id), tokenizer.token(of: id))
            guard mine.map({ Array($0.utf8) }) == other.map({ Array($0.utf8) }) else {
                throw ModelError(
                    file: own.place(of: name), field: "\(id)",
                    "is \"\((other ?? "").prefix(64))\", and \"\((mine ?? "").prefix(64))\" to the model: the adapter is for another one, "
                        + "or the file is not its own: remove it then")
            }
        }
        guard max(stored, configuration.vocabularySize) >= tokenizer.vocabularySize else {
            throw ModelError(
                file: own.place(of: name), field: "added_tokens",
                "says \(tokenizer.vocabularySize) tokens, and the adapter's embedding has \(stored) rows")
        }
        try self.init(
            base, configuration, texts,
            rows: first..<max(tokenizer.vocabularySize, stored > configuration.vocabularySize ? stored : 0))
    }

    package func text(_ name: String, limit: Int) throws -> [UInt8]? {
        guard let text = changed[name] else { return try base.text(name, limit: limit) }
        return text
    }

    package func weights() throws(SafetensorsError) -> Checkpoint? {
        guard let weights = try base.weights() else { return nil }
        var grown: [String: StoredTensor] = [:]
        for name in tensors {
            guard let tensor = weights.tensors[name], tensor.shape.first == oldCount else { continue }
            grown[name] = tensor.grown(from: rows.lowerBound, to: rows.upperBound)
        }
        return weights.replacing(grown)
    }

    package func remarks() throws -> [String] { try base.remarks() }

    package func place(of text: String) -> String { base.place(of: text) }

    /// What a job's owner should know of the tokens that it adds; nil where it adds none.
    package var note: String? {
        guard !tokens.isEmpty else { return nil }
        let shown = tokens.prefix(8).map { "\"\($0.text)\" (\($0.id))" }.joined(separator: ", ")
        let more = tokens.count > 8 ? " and \(tokens.count - 8) more" : ""
        let size = max(oldCount, rows.upperBound)
        return "Added to the vocabulary: \(shown)\(more); their rows begin at the mean of \(rows.lowerBound) others, "
            + (size > oldCount ? "and embedding and head grow from \(oldCount) rows to \(size)" : "in rows that the model did not use")
    }
}

extension OpenedModel {
    /// The model with the tokens that a job or an adapter adds.
    /// - Parameter adapter: what it is opened for.
    /// - Throws: ``ModelError``, ``SafetensorsError``.
    package init(path: String, adding tokens: [Manifest.AddedToken] = [], for adapter: AdapterFolder? = nil) throws {
        let folder = ModelFolders.open(path)
        var opened: any ModelFolder = folder
        if let adapter, let grown = try GrownFolder(folder, for: adapter) {
            opened = grown
        } else if !tokens.isEmpty {
            opened = try GrownFolder(folder, adding: tokens)
        }
        try self.init(opened)
    }
}
