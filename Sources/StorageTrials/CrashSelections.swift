extension CrashLog.Choices {
    /// One way in which a cut may turn out.
    package struct Selection: Sendable, Hashable {
        package var changes: Int
        package var kept: [Bool]
    }

    /// All ways if there are at most `limit`; else that many: the extremes (all there, nothing
    /// there, each with every number of changes as far as they go) and random ones.
    package func selections(atMost limit: Int, using random: inout some RandomNumberGenerator) -> [Selection] {
        let subsets = loose.count < 16 ? 1 << loose.count : Int.max
        let (all, overflow) = subsets.multipliedReportingOverflow(by: changes.count)
        if !overflow, all <= limit {
            return changes.flatMap { number in
                (0..<subsets).map { bits in Selection(changes: number, kept: loose.indices.map { bits >> $0 & 1 == 1 }) }
            }
        }
        var chosen: Set<Selection> = [
            Selection(changes: changes.upperBound, kept: loose.map { _ in true }),
            Selection(changes: changes.upperBound, kept: loose.map { _ in false }),
            Selection(changes: changes.lowerBound, kept: loose.map { _ in true }),
            Selection(changes: changes.lowerBound, kept: loose.map { _ in false }),
        ]
        for _ in 0..<limit {
            if chosen.count >= limit { break }
            chosen.insert(
                Selection(changes: Int.random(in: changes, using: &random), kept: loose.map { _ in Bool.random(using: &random) }))
        }
        return Array(
            chosen.sorted { ($0.changes, $0.kept.count(where: { $0 })) < ($1.changes, $1.kept.count(where: { $0 })) }.prefix(max(1, limit)))
    }
}
