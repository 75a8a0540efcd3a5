import JSON

/// What an evaluation has found, for people: the figures of `evaluation.json` as Markdown tables
/// that read well on a terminal too.
enum EvaluationMarkdown {
    /// - Parameters:
    ///   - title: what was evaluated.
    ///   - report: an objective's report.
    static func text(_ title: String, _ report: JSONNode) -> String {
        var sections = ["# \(title)\n", figures(report)]
        if let classes = report["per_class"]?.object { sections.append(perClass(classes, report)) }
        if let matrix = confusion(report) { sections.append(matrix) }
        return sections.joined(separator: "\n")
    }

    /// A number with four places after the point; whole numbers as they are.
    static func shown(_ node: JSONNode?) -> String {
        guard let node, !node.isNull else { return "-" }
        if case .integer(let number) = node.value { return "\(number)" }
        guard let number = node.double else { return node.string ?? "-" }
        let places = String(Int((abs(number) * 10_000).rounded().clamped(to: 0...1e15)))
        let padded = String(repeating: "0", count: max(0, 5 - places.count)) + places
        return (number < 0 ? "-" : "") + padded.dropLast(4) + "." + padded.suffix(4)
    }

    /// The figures that are single numbers, one a line.
    private static func figures(_ report: JSONNode) -> String {
        let rows = (report.object ?? []).filter { $0.node.double != nil }.map { [words($0.key), shown($0.node)] }
        return table(["figure", "value"], rows)
    }

    private static let columns = ["precision", "recall", "f1", "support", "average_precision"]

    private static func perClass(_ classes: [JSONMember], _ report: JSONNode) -> String {
        let means = ["macro", "micro", "weighted", "samples"].compactMap { key in report[key].map { JSONMember("*\(key)*", $0) } }
        let known = columns.filter { column in classes.contains { $0.node[column] != nil } }
        let rows = (classes + means).map { member in [member.key] + known.map { shown(member.node[$0]) } }
        return "## Classes\n\n" + table(["class"] + known.map(words), rows)
    }

    /// The texts of each class by what was found; nil where a text may have several classes.
    private static func confusion(_ report: JSONNode) -> String? {
        let names = (report["per_class"]?.object ?? []).map(\.key)
        guard let rows = report["confusion_matrix"]?.array, rows.count == names.count,
            rows.allSatisfy({ ($0.array ?? []).allSatisfy { $0.integer != nil } })
        else { return nil }
        let cells = zip(names, rows).map { name, row in [name] + (row.array ?? []).map { shown($0) } }
        return "## Confusion matrix\n\nA row is a class, a column what was found.\n\n" + table([""] + names, cells)
    }

    /// What graders gave; empty where there are none.
    static func graders(_ figures: JSONNode) -> String {
        guard let graders = figures["graders"]?.object else { return "" }
        let columns = ["mean", "passed", "corpus_bleu"]
        let rows = graders.map { member in [member.key] + columns.map { shown(member.node[$0]) } }
        return "\n## Graders\n\n" + table(["grader"] + columns.map(words), rows)
    }

    static func words(_ key: String) -> String { key.replacing("_", with: " ") }

    /// A Markdown table whose columns are as wide as their widest cell.
    static func table(_ head: [String], _ rows: [[String]]) -> String {
        let safe = ([head] + rows).map { row in row.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") } }
        let widths = head.indices.map { column in safe.reduce(3) { max($0, $1[column].count) } }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).enumerated().map { index, cell in
                let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
                return index == 0 ? cell.0 + space : space + cell.0
            }
            return "| " + padded.joined(separator: " | ") + " |\n"
        }
        let rule = widths.enumerated().map { String(repeating: "-", count: $1 - ($0 == 0 ? 0 : 1)) + ($0 == 0 ? "" : ":") }
        return line(safe[0]) + line(rule) + safe.dropFirst().map(line).joined()
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { isNaN ? 0 : min(range.upperBound, max(range.lowerBound, self)) }
}
