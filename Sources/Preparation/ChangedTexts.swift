import JSON
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
    /// - Throws: what reading the folder's texts throws.
    init(of folder: any ModelFolder, isUntied: Bool, turnEnds: [Int32]) throws {
        let configuration = try Self.object("config.json", of: folder) ?? JSONNode([JSONMember]())
        if isUntied { values["config.json"] = Self.text(configuration.setting("tie_word_embeddings", to: false)) }
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
