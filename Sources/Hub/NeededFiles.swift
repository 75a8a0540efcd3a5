import JSON

/// Which files of a repository a model needs: its configuration, its tokenizer, its templates, one
/// form of its weights, and the texts that say what one may do with it.
package enum NeededFiles {
    private static let texts: Set<String> = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "chat_template.json", "tokenizer.model", "vocab.json", "merges.txt",
    ]
    /// What matters beside a GGUF file, too, which has the others in itself.
    private static let notices: Set<String> = [
        "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt", "USE_POLICY.md",
    ]
    private static let templates = "additional_chat_templates/"

    package static let single = "model.safetensors"
    package static let index = "model.safetensors.index.json"

    /// The files beside weights.
    package static func isText(_ name: String) -> Bool {
        texts.contains(name) || isNotice(name)
            || name.hasPrefix(templates) && name.hasSuffix(".jinja") && !name.dropFirst(templates.count).contains("/")
    }

    /// The card and the licence.
    package static func isNotice(_ name: String) -> Bool { notices.contains(name) }

    /// The shards that an index names.
    /// - Throws: ``HubError/answer(_:message:)``, ``HubError/unsafeName(_:)``.
    static func shards(_ bytes: [UInt8], from address: String) throws(HubError) -> [String] {
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser().parse(bytes) } catch {
            throw HubError.answer(address, message: "\(index): \(error)")
        }
        guard let entries = node["weight_map"]?.object, !entries.isEmpty else {
            throw HubError.answer(address, message: "\(index) has no weight_map")
        }
        var names: Set<String> = []
        for entry in entries {
            guard let name = entry.node.string, name.hasSuffix(".safetensors"), !name.contains("/"), !name.hasPrefix(".") else {
                throw HubError.unsafeName(entry.node.string.map { String($0.prefix(100)) } ?? "")
            }
            names.insert(name)
        }
        return names.sorted()
    }

    /// Files of weights in other forms, for a message.
    static func otherWeights(_ listing: HubListing) -> [String] {
        let endings = [".safetensors", ".bin", ".gguf", ".pt", ".pth", ".h5", ".msgpack", ".onnx"]
        return listing.files.map(\.name).filter { name in endings.contains { name.hasSuffix($0) } }
    }
}
