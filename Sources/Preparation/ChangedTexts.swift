import JSON
import Models
import Storage
import Tensors

/// What the files of a tuned model's folder say otherwise than its base's.
package struct ChangedTexts {
    /// The new contents, by name. What stays as it is is not among them.
    package private(set) var values: [String: [UInt8]] = [:]
    /// The ids that generation stops at with these files and did not with the base's.
    package let newEnds: [Int32]

    /// - Parameters:
    ///   - isUntied: head and embedding are two, whatever the base's configuration says.
    ///   - turnEnds: the tokens with which trained answers end.
    ///   - labels: the classes of the head that was trained; nil: the head over the vocabulary.
    ///   - padding: the id of the tokenizer's padding token.
    /// - Throws: what reading the folder's texts throws.
    init(of folder: any ModelFolder, isUntied: Bool, turnEnds: [Int32], labels: ModelLabels? = nil, padding: Int32? = nil) throws {
        let configuration = try Self.object("config.json", of: folder) ?? JSONNode([JSONMember]())
        var changed = configuration
        if isUntied { changed = changed.setting("tie_word_embeddings", to: false) }
        if let labels { changed = Self.classifier(changed, labels, padding) }
        if changed != configuration { values["config.json"] = Self.text(changed) }
        let name = "generation_config.json"
        let own = try Self.object(name, of: folder)
        // Without a file of its own generation goes by config.json.
        let known = (own ?? configuration)["eos_token_id"]
        let ends = (known?.array ?? known.map { [$0] } ?? []).compactMap(\.integer)
        newEnds = turnEnds.filter { !ends.contains(Int($0)) }
        guard !newEnds.isEmpty else { return }
        let all = ends + newEnds.map { Int($0) }
        var generation = own ?? JSONNode([JSONMember]())
        if own == nil {
            for key in ["bos_token_id", "pad_token_id"] {
                if let id = configuration[key], !id.isNull { generation = generation.setting(key, to: id) }
            }
        }
        values[name] = Self.text(
            generation.setting("eos_token_id", to: all.count == 1 ? JSONNode(all[0]) : JSONNode(all.map { JSONNode($0) })))
    }

    /// The configuration of transformers' `...ForSequenceClassification` of the same model.
    ///
    /// Without a padding token transformers takes one text at a time; the tokenizer's stands in
    /// where the configuration names none. A padding token that ends texts is left out: the last
    /// token before the padding is what transformers looks at.
    private static func classifier(_ configuration: JSONNode, _ labels: ModelLabels, _ padding: Int32?) -> JSONNode {
        var changed = configuration
        if let architecture = configuration["architectures"]?.array?.first?.string {
            let name = architecture.replacing("ForCausalLM", with: "ForSequenceClassification").replacing(
                "LMHeadModel", with: "ForSequenceClassification")
            changed = changed.setting("architectures", to: [JSONNode(name)])
        }
        for member in labels.members { changed = changed.setting(member.key, to: member.node) }
        let ends = configuration["eos_token_id"]
        let endIDs = (ends?.array ?? ends.map { [$0] } ?? []).compactMap(\.integer)
        if let padding, !endIDs.contains(Int(padding)), configuration["pad_token_id"]?.integer == nil {
            changed = changed.setting("pad_token_id", to: JSONNode(Int(padding)))
        }
        return changed
    }

    private static func object(_ name: String, of folder: any ModelFolder) throws -> JSONNode? {
        guard let text = try folder.text(name, limit: 16 << 20) else { return nil }
        let node = try JSONParser().parse(text)
        return node.object == nil ? nil : node
    }

    private static func text(_ node: JSONNode) -> [UInt8] { JSONWriter(isIndented: true).bytes(node) + [0x0A] }
}

extension JSONNode {
    /// An object with a member replaced, or added at its end.
    fileprivate func setting(_ key: String, to value: JSONNode) -> JSONNode {
        var members = object ?? []
        if let index = members.firstIndex(where: { $0.key == key }) {
            members[index] = JSONMember(key, value)
        } else {
            members.append(JSONMember(key, value))
        }
        return JSONNode(members)
    }
}
