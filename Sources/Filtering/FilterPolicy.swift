package import JSON

/// What a filter does with what is found: the `filter` section of a deployment, as the daemon has
/// filled it in.
package struct FilterPolicy: Sendable, Hashable {
    package enum Side: String, Sendable, Hashable { case prompt, completion }
    package var blockLists: [String]
    /// Whether anything is held back, or only said.
    package var blocks: Bool
    /// Whether pieces of a stream wait until they have been checked.
    package var buffers: Bool
    /// Whether a text passes that could not be checked.
    package var passesUnchecked: Bool
    package var logsText: Bool
    private var thresholds: [Side: [String: String]] = [:]

    /// - Parameter settings: the `filter` of a deployment's settings.
    /// - Returns: nil where nothing is to be filtered.
    package init?(_ settings: JSONNode?) {
        guard let settings, let mode = settings["mode"]?.string, mode != "off" else { return nil }
        blocks = mode != "annotate"
        blockLists = settings["block_lists"]?.array?.compactMap(\.string) ?? []
        buffers = settings["streaming"]?.string != "asynchronous"
        passesUnchecked = settings["on_error"]?.string == "pass"
        logsText = settings["log_text"]?.bool ?? false
        for side in [Side.prompt, .completion] {
            for member in settings[side.rawValue]?.object ?? [] { thresholds[side, default: [:]][member.key] = member.node.string }
        }
    }

    /// A policy that holds back whatever is found: for data that is checked before a job.
    package init(blockLists: [String]) {
        self.blockLists = blockLists
        (blocks, buffers, passesUnchecked, logsText) = (true, true, false, false)
    }

    /// What the classes of a classifier and their probabilities say of a text.
    ///
    /// A class `hate/high` is a degree of the category `hate`; the gravest one that is likelier
    /// than not counts. A class without a degree is a category that is there or not. Classes called
    /// safe, ok or none say that nothing is there.
    package func judge(_ labels: [String], _ probabilities: [Double], _ side: Side, into results: inout FilterResults) {
        var degrees: [(category: String, severity: Severity)] = []
        for (label, probability) in zip(labels, probabilities) where !["safe", "ok", "none"].contains(label) {
            let parts = label.split(separator: "/", maxSplits: 1)
            if parts.count == 2, let severity = Severity(word: String(parts[1])) {
                let category = String(parts[0])
                let found = probability > 0.5 ? severity : .safe
                if let index = degrees.firstIndex(where: { $0.category == category }) {
                    degrees[index].severity = max(degrees[index].severity, found)
                } else {
                    degrees.append((category, found))
                }
            } else {
                let isDetected = probability > 0.5
                results.add(label, .detected(isDetected, isFiltered: blocks && isDetected && threshold(label, side) != nil))
            }
        }
        for (category, severity) in degrees {
            let isFiltered = threshold(category, side).map { severity >= $0 } ?? false
            results.add(category, .severity(severity, isFiltered: blocks && isFiltered))
        }
    }

    /// What the block lists that have a term in a text come to.
    package func judge(blockLists names: [String], into results: inout FilterResults) {
        results.add("custom_blocklists", .blockLists(names, isFiltered: blocks && !names.isEmpty))
    }

    /// From which severity on a category is filtered; nil: never.
    private func threshold(_ category: String, _ side: Side) -> Severity? {
        let word = thresholds[side]?[category] ?? "medium"
        return word == "off" ? nil : Severity(word: word) ?? .medium
    }
}
