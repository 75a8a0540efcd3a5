/// Work that failed for a reason that may pass: done again by the loop's timer, later and later, until it succeeds.
struct Deferred {
    /// - Parameter tries: how often it has failed already.
    typealias Work = (_ daemon: TalaDaemon, _ tries: Int) throws -> Void

    struct Item {
        let work: Work
        var tries: Int
        /// Seconds of the monotonic clock.
        var due: Double
    }
    private var items: [String: Item] = [:]

    var isEmpty: Bool { items.isEmpty }
    var nextDue: Double? { items.values.map(\.due).min() }
    func contains(_ key: String) -> Bool { items[key] != nil }

    mutating func add(_ key: String, tries: Int = 0, due: Double, _ work: @escaping Work) {
        items[key] = Item(work: work, tries: tries, due: due)
    }

    mutating func remove(_ key: String) { items[key] = nil }

    /// Takes out what is due, the longest overdue first.
    mutating func take(now: Double) -> [(key: String, item: Item)] {
        let due = items.filter { $0.value.due <= now }.sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        for (key, _) in due { items[key] = nil }
        return due.map { (key: $0.key, item: $0.value) }
    }

    /// Seconds to wait after this many failures: a tenth, doubled each time, half a minute at most.
    static func delay(tries: Int) -> Double { min(30, 0.1 * Double(1 << min(max(0, tries - 1), 10))) }
}
