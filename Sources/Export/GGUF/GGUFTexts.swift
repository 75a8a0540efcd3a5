import GGUFModels
import JSON
package import Tensors

/// The texts of a model that a GGUF file is made of.
package struct GGUFTexts {
    let configuration: JSONNode
    let tokenizer: JSONNode
    let settings: JSONNode
    let generation: JSONNode?
    let template: String?
    /// The licence's text, where the folder has one that is not too long to be repeated.
    let licence: String?

    /// - Parameter changed: texts that stand for those of the folder, by name.
    /// - Throws: ``GGUFError`` where one is missing or cannot be read, ``StorageError``.
    package init(_ folder: any ModelFolder, changed: [String: [UInt8]] = [:]) throws {
        func text(_ name: String, _ limit: Int) throws -> [UInt8]? { try changed[name] ?? folder.text(name, limit: limit) }
        func node(_ name: String) throws -> JSONNode? {
            guard let bytes = try text(name, 1 << 28) else { return nil }
            do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
                throw GGUFError("\(folder.place(of: name)): \(error)")
            }
        }
        guard let configuration = try node("config.json") else { throw GGUFError("\(folder.path) holds no config.json") }
        guard let tokenizer = try node("tokenizer.json") else {
            throw GGUFError("\(folder.path) holds no tokenizer.json, which a GGUF file repeats")
        }
        (self.configuration, self.tokenizer) = (configuration, tokenizer)
        settings = try node("tokenizer_config.json") ?? JSONNode([JSONMember]())
        generation = try node("generation_config.json")
        let named = settings["chat_template"]?.array?.first { $0["name"]?.string == "default" }?["template"]?.string
        template =
            try text("chat_template.jinja", 1 << 24).map { String(decoding: $0, as: UTF8.self) }
            ?? settings["chat_template"]?.string ?? named
        let terms = try ["LICENSE", "LICENSE.txt", "LICENSE.md"].lazy.compactMap { try text($0, 1 << 20) }.first
        licence = terms.flatMap { $0.count <= 1 << 16 ? String(decoding: $0, as: UTF8.self) : nil }
    }
}
