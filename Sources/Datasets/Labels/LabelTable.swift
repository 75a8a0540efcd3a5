import JSON

/// The classes of a file and their numbers.
struct LabelTable: Sendable {
    /// In the order of their numbers.
    let names: [String]
    /// Whether the file's labels are numbers.
    let areNumbers: Bool
    /// The line of the label that showed it.
    private let line: Int
    private let indices: [String: Int]
    /// Whether the classes have numbers for names.
    private let haveNumbers: Bool

    /// - Parameter line: of the first label; 0 where another file has decided.
    init(names: [String], areNumbers: Bool, line: Int) {
        (self.names, self.areNumbers, self.line) = (names, areNumbers, line)
        indices = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
        haveNumbers = names.allSatisfy { Int($0).map(String.init) == $0 }
    }

    /// The numbers of a record's classes, in ascending order; nil where a label is none of them or
    /// of the other kind.
    func indices(of labels: RecordLabels, _ findings: inout RecordFindings) -> [Int]? {
        let before = findings.problems.count
        var found: [Int] = []
        for label in labels.all {
            if label.isNumber != areNumbers {
                let (kind, other) = areNumbers ? ("a name", "numbers") : ("a number", "names")
                findings.add(
                    "invalid_value", label.field, at: label.node, found: RecordFindings.shown(label.node), expected: other,
                    "is \(kind), but labels are \(other) " + (line > 0 ? "in line \(line)" : "in the training file")
                        + ": write all of them in one way")
            } else if let index = index(of: label) {
                found.append(index)
            } else {
                let shown = names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", ..." : "")
                let range = areNumbers && !haveNumbers ? "numbers from 0 to \(names.count - 1)" : shown
                findings.add(
                    "unknown_label", label.field, at: label.node, found: label.name, expected: "one of \(range)",
                    "\"\(label.name.prefix(40))\" is none of the classes (\(range))")
            }
        }
        return findings.problems.count == before ? found.sorted() : nil
    }

    /// A number means the class of that name, or of that place where the classes have names.
    private func index(of label: RecordLabels.Label) -> Int? {
        guard label.isNumber, !haveNumbers else { return indices[label.name] }
        return Int(label.name).flatMap { names.indices.contains($0) ? $0 : nil }
    }
}
