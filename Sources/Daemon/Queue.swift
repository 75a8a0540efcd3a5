import Jobs

/// Which job runs next: the highest priority, then the owner who has run least since, then the oldest.
struct Queue {
    private(set) var waiting: [String: JobStatus] = [:]
    /// For each owner the turn in which a job of theirs last began.
    private var lastTurn: [Int: Int] = [:]
    private var turn = 0

    mutating func add(_ status: JobStatus) { waiting[status.id] = status }

    @discardableResult
    mutating func remove(_ id: String) -> JobStatus? { waiting.removeValue(forKey: id) }

    /// Takes the next job that may start.
    mutating func next(_ isReady: (JobStatus) -> Bool) -> JobStatus? {
        let ready = waiting.values.filter(isReady)
        let chosen = ready.min { left, right in
            let leftTurn = lastTurn[left.owner ?? 0] ?? -1
            let rightTurn = lastTurn[right.owner ?? 0] ?? -1
            return (-left.priority, leftTurn, left.id) < (-right.priority, rightTurn, right.id)
        }
        guard let chosen else { return nil }
        turn += 1
        lastTurn[chosen.owner ?? 0] = turn
        return waiting.removeValue(forKey: chosen.id)
    }
}
