import JSON

extension ValidationReport {
    static let shownProblems = 20

    /// The figures as a table, with warnings and problems behind them.
    package var text: String { table + Self.lines(problems, "").map { $0 + "\n" }.joined() }

    /// The figures as a table, with warnings behind them.
    package var table: String {
        func pairs(_ lines: [[Int]], _ word: String) -> String {
            guard let first = lines.first, first.count == 2 else { return "" }
            return " (line \(first[0]) \(word) line \(first[1])" + (lines.count > 1 ? ", ..." : "") + ")"
        }
        var rows: [(String, String)] = []
        if let format { rows.append(("format", format.title)) }
        rows.append(("examples", "\(exampleCount)" + (format == .text && recordCount > 0 ? " rows of \(recordCount) documents" : "")))
        rows += [("tokens", "\(tokenCount)"), ("trained tokens", "\(trainedTokenCount)")]
        if longestExample > 0 {
            rows.append(("longest example", "\(longestExample) tokens" + (longestLine > 0 ? " (line \(longestLine))" : "")))
        }
        if exampleCount > 0, lengths["median"] != nil {
            func length(_ key: String) -> String { lengths[key]?.integer.map { "\($0)" } ?? "-" }
            rows.append(
                ("lengths", "median \(length("median")), 95 % up to \(length("percentile_95")), 99 % up to \(length("percentile_99"))"))
        }
        rows.append(("above max_length", "\(excessCount)" + (maximumLength > 0 ? " (of \(maximumLength) tokens)" : "")))
        rows.append(("duplicates", "\(duplicateCount)" + pairs(duplicateLines, "repeats")))
        if labels == nil { rows.append(("near-empty answers", "\(nearEmptyCount)")) }
        if let leakedCount { rows.append(("in the training file", "\(leakedCount)" + pairs(leakedLines, "is"))) }
        if let split { rows.append(("validation_split", "\(split.validationCount) held back, \(split.trainingCount) to train on")) }
        if let labels {
            let shown = labels.prefix(12).map { "\($0.name) \($0.count)" }.joined(separator: ", ")
            rows.append(("classes", "\(labels.count): \(shown)" + (labels.count > 12 ? ", ..." : "")))
        }
        let width = rows.map(\.0.count).max() ?? 0
        var lines = [file] + rows.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }
        if isImbalanced {
            lines.append(
                "  note: the longest example has more than 8 times the median's tokens; a lower max_length would make steps more even")
        }
        lines += Self.lines(warnings, "warning: ")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ findings: FindingList, _ prefix: String) -> [String] {
        var lines = findings.first.prefix(shownProblems).map {
            "  " + prefix + ($0.line.map { "line \($0): " } ?? "") + ($0.field.map { "\($0): " } ?? "") + $0.message
        }
        if findings.total > shownProblems {
            let counts = findings.counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            lines.append("  \(prefix)\(findings.total) in all: \(counts)")
        }
        return lines
    }
}
