package import JSON

/// What a filter says of a text, in the form of OpenAI's moderations: its own categories by their
/// own names, and OpenAI's categories by theirs.
package struct Moderation: Sendable {
    /// OpenAI's categories; clients expect each of them.
    private static let known = [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
        "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
    ]
    private var flags: [String: Bool] = [:]
    private var scores: [String: Double] = [:]
    private var names: [String] = []

    /// - Parameters:
    ///   - results: what was found, judged by a policy that holds back.
    ///   - labels: a classifier's classes.
    ///   - probabilities: theirs.
    package init(_ results: FilterResults, _ labels: [String], _ probabilities: [Double]) {
        for (category, finding) in results.findings {
            add(category, finding.isFiltered, finding.isFiltered ? 1 : 0)
        }
        var sums: [String: Double] = [:]
        for (label, probability) in zip(labels, probabilities) {
            let parts = label.split(separator: "/", maxSplits: 1)
            let isDegree = parts.count == 2 && Severity(word: String(parts[1])) != nil
            let category = isDegree ? String(parts[0]) : label
            // That a text is safe to some degree says nothing against it.
            if isDegree, parts[1] == "safe" { continue }
            sums[category, default: 0] += probability
        }
        for (category, sum) in sums where flags[category] != nil {
            scores[category] = min(1, sum)
            scores[Self.openAI(category)] = min(1, sum)
        }
    }

    private static func openAI(_ category: String) -> String { category == "self_harm" ? "self-harm" : category }

    private mutating func add(_ category: String, _ isFlagged: Bool, _ score: Double) {
        for name in category == Self.openAI(category) ? [category] : [category, Self.openAI(category)] {
            if flags[name] == nil { names.append(name) }
            flags[name] = isFlagged
            scores[name] = score
        }
    }

    /// One of `results`. Categories that nothing has looked at are not flagged, and named under
    /// `tala`.
    package var json: JSONNode {
        let all = names + Self.known.filter { flags[$0] == nil }
        return [
            "flagged": JSONNode(flags.values.contains(true)),
            "categories": JSONNode(all.map { JSONMember($0, JSONNode(flags[$0] ?? false)) }),
            "category_scores": JSONNode(all.map { JSONMember($0, JSONNode(scores[$0] ?? 0)) }),
            "category_applied_input_types": JSONNode(all.map { JSONMember($0, flags[$0] == nil ? [] : ["text"]) }),
            "tala": ["not_checked": JSONNode(all.filter { flags[$0] == nil }.map { JSONNode($0) })],
        ]
    }
}
