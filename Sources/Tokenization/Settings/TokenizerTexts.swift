import Foundation
import JSON

/// The texts of a model from which its tokenizer and its chat templates follow, by the names that
/// they have in a Hugging Face folder: that folder's files, or what is made from another form.
package struct TokenizerTexts: Sendable {
    package typealias Maker = @Sendable (_ name: String) throws(TokenizerError) -> [UInt8]?
    /// The model's folder, or its file.
    package let path: String
    private let maker: Maker?
    /// Names of the templates that have names, where there is a maker.
    private var madeTemplates: [String] = []

    package init(folder: String) { (path, maker) = (folder, nil) }

    /// - Parameters:
    ///   - names: of all texts that there may be, those of templates with names among them.
    ///   - maker: gives a text by its name; nil where the model has none of it.
    package init(path: String, names: [String] = [], maker: @escaping Maker) {
        (self.path, self.maker) = (path, maker)
        madeTemplates = names.filter { $0.hasPrefix(Self.namedTemplates + "/") && $0.hasSuffix(Self.templateEnding) }.sorted()
    }

    /// The same texts with others in the place of some.
    func replacing(_ changed: [String: [UInt8]]) -> TokenizerTexts {
        let base = self
        return TokenizerTexts(path: path, names: templateNames) { name throws(TokenizerError) in
            if let text = changed[name] { return text }
            return try base.contents(name)
        }
    }

    /// Whether the texts lie in files of their own.
    package var isFolder: Bool { maker == nil }

    /// Where a text is, for messages.
    package func place(_ name: String) -> String { maker == nil ? path + "/" + name : "\(path) (\(name))" }

    /// A text; nil where there is none.
    /// - Parameter limit: MiB that it may have.
    /// - Throws: ``TokenizerError``.
    package func contents(_ name: String, limit: Int = 256) throws(TokenizerError) -> [UInt8]? {
        if let maker { return try maker(name) }
        let file = path + "/" + name
        return FileManager.default.fileExists(atPath: file) ? try TokenizerReader.contents(of: file, limit: limit) : nil
    }

    /// A text as JSON; nil where there is none.
    /// - Parameter limit: MiB that it may have.
    func json(_ name: String, limit: Int = 64) throws(TokenizerError) -> JSONNode? {
        try contents(name, limit: limit).map { bytes throws(TokenizerError) in try Self.parsed(bytes, file: place(name)) }
    }

    static func parsed(_ bytes: [UInt8], file: String) throws(TokenizerError) -> JSONNode {
        if let standIn = FileStandIn.description(of: bytes) { throw TokenizerError(file: file, standIn) }
        do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
            let place = JSONPosition(of: error.offset, in: bytes)
            throw TokenizerError(file: file, "line \(place.line), column \(place.column): \(error)")
        }
    }

    /// The folder of named templates.
    static let namedTemplates = "additional_chat_templates"
    static let templateEnding = ".jinja"

    /// Names of the templates that have files of their own, in their order.
    var templateNames: [String] {
        guard maker == nil else { return ["chat_template" + Self.templateEnding] + madeTemplates }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/" + Self.namedTemplates)) ?? []
        return ["chat_template" + Self.templateEnding]
            + names.filter { $0.hasSuffix(Self.templateEnding) }.sorted().map { Self.namedTemplates + "/" + $0 }
    }

    /// The texts from which an encoder follows, also those that are not there.
    package var names: [String] {
        [
            "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.json",
            "generation_config.json", "config.json",
        ] + templateNames
    }
}
