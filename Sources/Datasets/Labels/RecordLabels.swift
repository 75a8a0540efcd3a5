import JSON

/// The labels of one record: `label`, one name or number, or `labels`, a list of such.
struct RecordLabels {
    struct Label {
        /// The name, or the number's digits.
        var name: String
        var isNumber: Bool
        /// The JSON path.
        var field: String
        var node: JSONNode
    }
    private(set) var all: [Label] = []

    /// Adds what is wrong; nil then.
    init?(_ record: JSONNode, isMultiLabel: Bool, _ findings: inout RecordFindings) {
        let before = findings.problems.count
        let (single, several) = (record["label"].flatMap { $0.isNull ? .none : $0 }, record["labels"].flatMap { $0.isNull ? .none : $0 })
        switch (single, several) {
        case (nil, nil):
            findings.missing(isMultiLabel ? "labels" : "label", in: record, expected: "a name or a number, or a list of them")
        case (_?, let list?):
            findings.add(
                "invalid_value", "labels", at: list, found: "label and labels", expected: "one of the two",
                "stands beside label: give one of the two")
        case (let node?, nil) where node.array == nil: read(node, "label", &findings)
        case (let list?, nil): read(list: list, "label", isMultiLabel, &findings)
        case (nil, let list?): read(list: list, "labels", isMultiLabel, &findings)
        }
        if findings.problems.count != before { return nil }
    }

    private mutating func read(list: JSONNode, _ key: String, _ isMultiLabel: Bool, _ findings: inout RecordFindings) {
        guard let elements = list.array else { return findings.wrongType(key, list, expected: "a list of names or numbers") }
        if !isMultiLabel, elements.count != 1 {
            return findings.add(
                "invalid_value", key, at: list, found: "\(elements.count) labels", expected: "one label",
                "holds \(elements.count) labels, and each example has one class: set method.classification.multi_label to true, "
                    + "or give one label")
        }
        for (index, node) in elements.enumerated() { read(node, "\(key)[\(index)]", &findings) }
        var known: Set<String> = []
        for label in all where !known.insert(label.name).inserted {
            findings.add(
                "invalid_value", label.field, at: label.node, found: "\(label.name.prefix(40)) twice", expected: "each label once",
                "names \"\(label.name.prefix(40))\" a second time")
        }
    }

    private mutating func read(_ node: JSONNode, _ field: String, _ findings: inout RecordFindings) {
        if let name = node.string {
            if name.isEmpty {
                return findings.add("empty_field", field, at: node, found: "an empty string", expected: "a name or a number", "is empty")
            }
            guard name.unicodeScalars.count <= LabelOptions.nameLimit else {
                return findings.add(
                    "invalid_value", field, at: node, found: "a text of \(name.unicodeScalars.count) characters",
                    expected: "at most \(LabelOptions.nameLimit) characters",
                    "has \(name.unicodeScalars.count) characters, more than the name of a class may have (\(LabelOptions.nameLimit))")
            }
            all.append(Label(name: name, isNumber: false, field: field, node: node))
        } else if let number = node.integer {
            all.append(Label(name: String(number), isNumber: true, field: field, node: node))
        } else {
            findings.wrongType(field, node, expected: "a name or a whole number")
        }
    }
}
