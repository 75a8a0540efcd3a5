import Foundation
import JSON
package import Templates

/// The chat templates of a model folder: one, or several with names.
///
/// They are found and chosen as transformers 5 does: `chat_template.jinja` and
/// `additional_chat_templates/*.jinja` go before `chat_template` in tokenizer_config.json, which is
/// a text, or a list or an object of named ones. With tools `tool_use` is taken where it is there,
/// otherwise `default`.
package struct ChatTemplates: Sendable {
    package struct Named: Sendable {
        package let template: Template
        package let source: String
        /// For messages: the file, and the template's name where it has several.
        package let title: String
    }
    private let all: [String: Named]
    /// The only template's key, which no file can hold.
    private static let single = ""

    /// - Throws: ``ChatError/templateFile(file:_:)`` for a template that cannot be read.
    init(_ sources: TemplateSources) throws(ChatError) {
        var all: [String: Named] = [:]
        for (name, source) in sources.named {
            let file = source.file.split(separator: "/").last.map(String.init) ?? source.file
            let title = "the chat template (\(name == Self.single || source.isNamedByFile ? file : "\(name) in \(file)"))"
            do throws(TemplateError) {
                all[name] = Named(template: try Template(source.text), source: source.text, title: title)
            } catch { throw .templateFile(file: source.file, error) }
        }
        self.all = all
    }

    /// The templates of a model folder, of a `tokenizer_config.json` or another file of JSON with
    /// `chat_template`, or of a file that is one template.
    /// - Throws: ``TokenizerError``, ``ChatError/templateFile(file:_:)``.
    package init(path: String) throws {
        if let names = try? FileManager.default.contentsOfDirectory(atPath: path), !names.isEmpty {
            try self.init(TokenizerConfiguration(TokenizerTexts(folder: path)).templates)
        } else if path.hasSuffix(".json") {
            guard FileManager.default.fileExists(atPath: path) else { throw TokenizerError(file: path, "is not there") }
            let file = try TokenizerTexts.parsed(try TokenizerReader.contents(of: path, limit: 64), file: path)
            try self.init(TemplateSources(file["chat_template"], file: path))
        } else {
            guard let text = String(validating: try TokenizerReader.contents(of: path, limit: 4), as: UTF8.self) else {
                throw TokenizerError(file: path, "is not text")
            }
            try self.init(TemplateSources(files: [("default", path, text)]))
        }
    }

    package var isEmpty: Bool { all.isEmpty }

    /// The template for a conversation; nil where there is none.
    /// - Throws: ``ChatError/noDefaultTemplate(_:)`` where only templates with other names are
    ///   there.
    package func choose(hasTools: Bool) throws(ChatError) -> Named? {
        if let only = all[Self.single] { return only }
        if hasTools, let named = all["tool_use"] { return named }
        if let named = all["default"] { return named }
        guard all.isEmpty else { throw .noDefaultTemplate(all.keys.sorted()) }
        return nil
    }

    /// Whether one of the templates mentions `strftime_now`.
    var asksForTime: Bool { all.values.contains { $0.template.asksForTime } }
}

/// Where chat templates stand, as text.
struct TemplateSources {
    struct Source {
        var text: String
        var file: String
        /// Whether the file's name says the template's.
        var isNamedByFile = false
    }
    /// The only template's name is empty.
    private(set) var named: [String: Source] = [:]

    /// What a configuration file says under `chat_template`.
    /// - Throws: ``TokenizerError`` where that is neither a text nor templates with names.
    init(_ node: JSONNode?, file: String) throws(TokenizerError) {
        guard let node, !node.isNull else { return }
        func failure(_ message: String) -> TokenizerError { TokenizerError(file: file, field: "chat_template", message) }
        if let text = node.string {
            named[""] = Source(text: text, file: file)
        } else if let list = node.array {
            for entry in list {
                guard let text = entry["template"]?.string else {
                    throw failure("lists templates, but one of them has no \"template\" that is a string")
                }
                guard let name = entry["name"]?.string, !name.isEmpty else {
                    throw failure("lists templates, but one of them has no \"name\" that is a string")
                }
                named[name] = Source(text: text, file: file)
            }
        } else if let members = node.object {
            for member in members {
                guard let text = member.node.string, !member.key.isEmpty else { throw failure("holds a template that is not a string") }
                named[member.key] = Source(text: text, file: file)
            }
        } else {
            throw failure("is \(node.kindName), neither a string nor a list nor an object of templates")
        }
    }

    /// What stands in files of its own: `chat_template.jinja`, and the named ones in
    /// `additional_chat_templates`.
    init(files: [(name: String, file: String, text: String)]) {
        for (name, file, text) in files { named[name] = Source(text: text, file: file, isNamedByFile: true) }
        if named.count == 1, let only = named.removeValue(forKey: "default") { named[""] = only }
    }

    var isEmpty: Bool { named.isEmpty }
}
