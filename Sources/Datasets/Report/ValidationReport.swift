package import JSON

/// What a careful person wants to know of a dataset before training on it.
package struct ValidationReport: Sendable, Hashable {
    package var file: String
    /// What the records are, in words; nil if the file could not be read so far.
    package var format: DatasetFormat?
    package var byteCount = 0
    /// SHA-256 of the file.
    package var digest = ""
    package var lineCount = 0
    /// Records that are well-formed: lines, elements of the array, documents.
    package var recordCount = 0
    /// Examples that training sees. Of plain text: rows of `max_length` tokens.
    package var exampleCount = 0
    package var tokenCount = 0
    package var trainedTokenCount = 0
    /// Before anything is cut or dropped.
    package var longestExample = 0
    package var longestLine = 0
    package var maximumLength = 0
    /// Examples above max_length, kept or not.
    package var excessCount = 0
    package var duplicateCount = 0
    /// The first pairs of lines: one that repeats another, and that other.
    package var duplicateLines: [[Int]] = []
    /// Examples of which the loss counts fewer than three tokens.
    package var nearEmptyCount = 0
    /// Of a validation file: examples that stand in the training file too; nil where there is
    /// nothing to compare.
    package var leakedCount: Int?
    package var leakedLines: [[Int]] = []
    /// What validation_split has drawn.
    package var split: Split?
    package var lengths: JSONNode = nil
    /// The classes in the order of their numbers; nil where examples have no labels.
    package var labels: [LabelCount]?
    /// Whether labels are numbers in the file.
    package var labelsAreNumbers = false
    package var medianLength = 0
    package var isImbalanced = false
    /// Whether the tokens came from the cache.
    package var isCached = false
    package private(set) var problems = FindingList()
    package private(set) var warnings = FindingList()

    package struct Split: Sendable, Hashable {
        package var fraction: Double
        package var trainingCount: Int
        package var validationCount: Int

        package init(fraction: Double, trainingCount: Int, validationCount: Int) {
            (self.fraction, self.trainingCount, self.validationCount) = (fraction, trainingCount, validationCount)
        }
    }

    package init(file: String) { self.file = file }

    mutating func add(_ problem: DatasetProblem) { problems.add(problem) }
    mutating func warn(_ warning: DatasetProblem) { warnings.add(warning) }

    package var isValid: Bool { problems.isEmpty }
}

/// The first findings of each kind, and how many there are.
package struct FindingList: Sendable, Hashable {
    static let keptPerKind = 100
    /// In the order of the file.
    package private(set) var first: [DatasetProblem] = []
    package private(set) var counts: [String: Int] = [:]

    package init() {}

    mutating func add(_ finding: DatasetProblem) {
        let count = counts[finding.kind, default: 0]
        counts[finding.kind] = count + 1
        if count < Self.keptPerKind { first.append(finding) }
    }

    package var isEmpty: Bool { first.isEmpty }
    package var total: Int { counts.values.reduce(0, +) }

    var countsJSON: JSONNode { JSONNode(counts.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }) }
    var json: JSONNode { JSONNode(first.map(\.json)) }

    /// Reads what `json` and `countsJSON` wrote.
    init(first: JSONNode?, counts: JSONNode?, file: String) {
        self.first = (first?.array ?? []).compactMap { DatasetProblem(json: $0, file: file) }
        for member in counts?.object ?? [] { self.counts[member.key] = member.node.integer }
    }
}

extension DatasetProblem {
    var json: JSONNode {
        func optional(_ text: String?) -> JSONNode { text.map { JSONNode($0) } ?? nil }
        return [
            "kind": JSONNode(kind), "file": JSONNode(file), "line": line.map { JSONNode($0) } ?? nil, "field": optional(field),
            "found": optional(found), "expected": optional(expected), "message": JSONNode(message),
        ]
    }

    init?(json: JSONNode, file: String) {
        guard let kind = json["kind"]?.string, let message = json["message"]?.string else { return nil }
        self.init(
            kind: kind, file: file, line: json["line"]?.integer, field: json["field"]?.string, found: json["found"]?.string,
            expected: json["expected"]?.string, message)
    }
}

extension ValidationReport {
    package var json: JSONNode {
        func pairs(_ lines: [[Int]]) -> JSONNode { JSONNode(lines.map { JSONNode($0.map { JSONNode($0) }) }) }
        let figures: JSONNode = [
            "file": JSONNode(file), "format": format.map { JSONNode($0.rawValue) } ?? nil, "valid": JSONNode(isValid),
            "bytes": JSONNode(byteCount), "sha256": JSONNode(digest), "lines": JSONNode(lineCount), "records": JSONNode(recordCount),
            "examples": JSONNode(exampleCount), "tokens": JSONNode(tokenCount), "trained_tokens": JSONNode(trainedTokenCount),
            "longest_example": ["tokens": JSONNode(longestExample), "line": JSONNode(longestLine)], "lengths": lengths,
            "max_length": JSONNode(maximumLength), "above_max_length": JSONNode(excessCount), "duplicates": JSONNode(duplicateCount),
            "duplicate_lines": pairs(duplicateLines), "near_empty": JSONNode(nearEmptyCount),
            "in_training_file": leakedCount.map { JSONNode($0) } ?? nil, "in_training_file_lines": pairs(leakedLines),
            "validation_split": split.map {
                [
                    "fraction": JSONNode($0.fraction), "training_examples": JSONNode($0.trainingCount),
                    "validation_examples": JSONNode($0.validationCount),
                ]
            } ?? nil,
            "cached": JSONNode(isCached), "problem_counts": problems.countsJSON, "problems": problems.json,
            "warning_counts": warnings.countsJSON, "warnings": warnings.json,
        ]
        guard let labels else { return figures }
        let found = [
            JSONMember("labels", JSONNode(labels.map(\.json))), JSONMember("labels_are_numbers", JSONNode(labelsAreNumbers)),
        ]
        return JSONNode((figures.object ?? []) + found)
    }

    /// The figures without the lists, for an event: one line of it must stay short.
    package var summaryJSON: JSONNode {
        JSONNode(
            (json.object ?? []).filter {
                !["problems", "warnings", "duplicate_lines", "in_training_file_lines", "labels"].contains($0.key)
            })
    }

    /// Reads what `json` wrote; nil if it is something else.
    package init?(json: JSONNode, file: String) {
        guard let examples = json["examples"]?.integer, let tokens = json["tokens"]?.integer, let trained = json["trained_tokens"]?.integer
        else { return nil }
        self.init(file: file)
        func number(_ key: String) -> Int { json[key]?.integer ?? 0 }
        format = json["format"]?.string.flatMap { DatasetFormat(rawValue: $0) }
        (byteCount, lineCount, recordCount) = (number("bytes"), number("lines"), number("records"))
        digest = json["sha256"]?.string ?? ""
        (exampleCount, tokenCount, trainedTokenCount) = (examples, tokens, trained)
        longestExample = json["longest_example"]?["tokens"]?.integer ?? 0
        longestLine = json["longest_example"]?["line"]?.integer ?? 0
        (maximumLength, excessCount) = (number("max_length"), number("above_max_length"))
        (duplicateCount, nearEmptyCount) = (number("duplicates"), number("near_empty"))
        duplicateLines = (json["duplicate_lines"]?.array ?? []).map { ($0.array ?? []).compactMap(\.integer) }
        lengths = json["lengths"] ?? nil
        medianLength = lengths["median"]?.integer ?? 0
        isImbalanced = lengths["imbalanced"]?.bool ?? false
        labels = json["labels"]?.array.map { $0.compactMap { LabelCount(json: $0) } }
        labelsAreNumbers = json["labels_are_numbers"]?.bool ?? false
        problems = FindingList(first: json["problems"], counts: json["problem_counts"], file: file)
        warnings = FindingList(first: json["warnings"], counts: json["warning_counts"], file: file)
    }
}
