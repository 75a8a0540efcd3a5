import JSON

/// A class of a labelled file.
package struct LabelCount: Sendable, Hashable {
    package var name: String
    /// Examples that have it.
    package var count: Int
    /// The line of the first of them; 0 where there is none.
    package var firstLine: Int

    var json: JSONNode { ["label": JSONNode(name), "examples": JSONNode(count), "line": JSONNode(firstLine)] }

    init(name: String, count: Int, firstLine: Int) { (self.name, self.count, self.firstLine) = (name, count, firstLine) }

    init?(json: JSONNode) {
        guard let name = json["label"]?.string, let count = json["examples"]?.integer, let line = json["line"]?.integer else { return nil }
        self.init(name: name, count: count, firstLine: line)
    }
}

extension ValidationReport {
    /// Adds a problem that was found beside the reading of examples.
    package mutating func note(_ problem: DatasetProblem) { add(problem) }

    /// Adds a problem for each class that cannot stand on both sides of a split.
    /// - Parameter fraction: what is held back.
    package mutating func requireClassesToDivide(_ fraction: Double) {
        for label in labels ?? [] where label.count == 1 {
            add(
                DatasetProblem(
                    kind: "too_few_examples", file: file, line: label.firstLine, field: "label",
                    found: "one example of \(label.name.prefix(40))", expected: "two examples of each class at least",
                    "is the only example of \"\(label.name.prefix(40))\", and validation_split \(fraction) divides the examples: "
                        + "give more examples of it, or a validation_file"))
        }
    }
}
