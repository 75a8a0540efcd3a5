package import JSON
package import Tensors

/// The classes of a model with a head of its own, as `config.json` names them.
package struct ModelLabels: Sendable, Hashable {
    /// In the order of the head's rows.
    package var names: [String]
    package var isMultiLabel: Bool

    package init(names: [String], isMultiLabel: Bool) { (self.names, self.isMultiLabel) = (names, isMultiLabel) }

    /// The classes that a folder's `config.json` names; nil where the model is no classifier, or
    /// its classes have only the names that transformers makes up (`LABEL_0`).
    /// - Throws: what reading the file throws.
    package init?(_ folder: any ModelFolder) throws {
        guard let text = try folder.text("config.json", limit: 16 << 20), let node = try? JSONParser().parse(text) else { return nil }
        self.init(node)
    }

    package init?(_ configuration: JSONNode) {
        let isClassifier = (configuration["architectures"]?.array ?? []).contains {
            $0.string?.hasSuffix("ForSequenceClassification") == true
        }
        guard isClassifier, let members = configuration["id2label"]?.object, (2...Self.limit).contains(members.count) else { return nil }
        var names = [String](repeating: "", count: members.count)
        for member in members {
            guard let index = Int(member.key), names.indices.contains(index), let name = member.node.string, !name.isEmpty else {
                return nil
            }
            names[index] = name
        }
        guard Set(names).count == names.count, names != names.indices.map({ "LABEL_\($0)" }) else { return nil }
        self.init(names: names, isMultiLabel: configuration["problem_type"]?.string == "multi_label_classification")
    }

    /// Classes that a head may have.
    package static let limit = 1024

    /// What transformers' configuration says of them.
    package var members: [JSONMember] {
        [
            JSONMember("id2label", JSONNode(names.enumerated().map { JSONMember("\($0)", JSONNode($1)) })),
            JSONMember("label2id", JSONNode(names.enumerated().map { JSONMember($1, JSONNode($0)) })),
            JSONMember("problem_type", JSONNode(isMultiLabel ? "multi_label_classification" : "single_label_classification")),
        ]
    }
}
