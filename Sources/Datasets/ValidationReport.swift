public import JSON

/// What a careful person wants to know of a dataset before training on it.
public struct ValidationReport: Sendable {
    public var file: String
    public var exampleCount = 0
    public var tokenCount = 0
    public var trainedTokenCount = 0
    public var longestExample = 0
    public var longestLine = 0
    /// Examples above max_length, whatever was done with them.
    public var excessCount = 0
    public var duplicateCount = 0
    /// Examples with fewer than three trained tokens.
    public var nearEmptyCount = 0
    /// The first problems of each kind.
    public private(set) var problems: [DatasetProblem] = []
    public private(set) var problemCounts: [String: Int] = [:]

    static let keptPerKind = 100

    public init(file: String) { self.file = file }

    mutating func add(_ problem: DatasetProblem) {
        let count = problemCounts[problem.kind, default: 0]
        problemCounts[problem.kind] = count + 1
        if count < Self.keptPerKind { problems.append(problem) }
    }

    public var isValid: Bool { problems.isEmpty }

    public var json: JSONNode {
        [
            "file": JSONNode(file), "valid": JSONNode(isValid), "examples": JSONNode(exampleCount), "tokens": JSONNode(tokenCount),
            "trained_tokens": JSONNode(trainedTokenCount),
            "longest_example": ["tokens": JSONNode(longestExample), "line": JSONNode(longestLine)],
            "above_max_length": JSONNode(excessCount), "duplicates": JSONNode(duplicateCount), "near_empty": JSONNode(nearEmptyCount),
            "problem_counts": JSONNode(problemCounts.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }),
            "problems": JSONNode(
                problems.map { problem in
                    [
                        "kind": JSONNode(problem.kind), "line": problem.line.map { JSONNode($0) } ?? nil,
                        "field": problem.field.map { JSONNode($0) } ?? nil,
                        "message": JSONNode(problem.message),
                    ]
                }),
        ]
    }

    /// A table for people.
    public var text: String {
        var rows = [
            ("examples", "\(exampleCount)"), ("tokens", "\(tokenCount)"), ("trained tokens", "\(trainedTokenCount)"),
            ("longest example", exampleCount == 0 ? "-" : "\(longestExample) tokens (line \(longestLine))"),
        ]
        if excessCount > 0 { rows.append(("above max_length", "\(excessCount)")) }
        if duplicateCount > 0 { rows.append(("duplicates", "\(duplicateCount)")) }
        if nearEmptyCount > 0 { rows.append(("near-empty answers", "\(nearEmptyCount)")) }
        let width = rows.map(\.0.count).max() ?? 0
        var lines = [file] + rows.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }
        lines += problems.prefix(20).map { "  " + ($0.line.map { "line \($0): " } ?? "") + ($0.field.map { "\($0): " } ?? "") + $0.message }
        let total = problemCounts.values.reduce(0, +)
        if total > 20 { lines.append("  and \(total - 20) more problems") }
        return lines.joined(separator: "\n") + "\n"
    }
}
