package import JSON

/// How grave something is, in Azure's words.
package enum Severity: Int, Sendable, Hashable, Comparable, CaseIterable {
    case safe, low, medium, high

    package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

    package var word: String {
        switch self {
        case .safe: "safe"
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        }
    }

    package init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

/// What a filter has found in a text, category by category: Azure's `content_filter_results`.
package struct FilterResults: Sendable, Hashable {
    package enum Finding: Sendable, Hashable {
        /// Of a category that has degrees.
        case severity(Severity, isFiltered: Bool)
        /// Of one that is there or not.
        case detected(Bool, isFiltered: Bool)
        /// Of block lists: the names of those that have a term in the text.
        case blockLists([String], isFiltered: Bool)
    }
    package private(set) var findings: [(category: String, finding: Finding)] = []

    package init() {}

    package mutating func add(_ category: String, _ finding: Finding) { findings.append((category, finding)) }

    package static func == (left: FilterResults, right: FilterResults) -> Bool { left.json == right.json }
    package func hash(into hasher: inout Hasher) { hasher.combine(JSONWriter().string(json)) }

    package var isFiltered: Bool { findings.contains { $0.finding.isFiltered } }
    /// The categories because of which something is held back.
    package var filteredCategories: [String] { findings.filter(\.finding.isFiltered).map(\.category) }

    package var json: JSONNode {
        JSONNode(
            findings.map { category, finding in
                let node: JSONNode =
                    switch finding {
                    case .severity(let severity, let isFiltered):
                        ["filtered": JSONNode(isFiltered), "severity": JSONNode(severity.word)]
                    case .detected(let isDetected, let isFiltered):
                        ["filtered": JSONNode(isFiltered), "detected": JSONNode(isDetected)]
                    case .blockLists(let names, let isFiltered):
                        [
                            "filtered": JSONNode(isFiltered), "detected": JSONNode(!names.isEmpty),
                            "details": JSONNode(names.map { ["filtered": JSONNode(isFiltered), "id": JSONNode($0)] }),
                        ]
                    }
                return JSONMember(category, node)
            })
    }
}

extension FilterResults.Finding {
    package var isFiltered: Bool {
        switch self {
        case .severity(_, let isFiltered), .detected(_, let isFiltered), .blockLists(_, let isFiltered): isFiltered
        }
    }
}
