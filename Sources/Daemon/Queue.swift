import Jobs

/// Which job goes next: the highest priority, then the owner whose last turn is longest ago, then
/// the oldest.
///
/// Jobs that wait for a time or for other jobs are kept apart, so a decision looks at owners, not
/// at jobs: its cost does not grow with the number of jobs.
struct Queue {
    /// What the queue must know of a job.
    struct Entry: Sendable, Hashable {
        var id: String
        var owner: Int
        var priority = 0
        /// The device that the manifest names.
        var device = "auto"
        /// Its lanes, which as many processes at most can carry.
        var ranks = 1
        /// Seconds since 1970.
        var notBefore: Int?
        /// Jobs that must have succeeded and have not yet.
        var after: Set<String> = []
        /// Seconds of the monotonic clock: a job that is to be tried again waits until then.
        var retryAt: Double?
        /// The time that has come and for which it waited: a clock that is set back makes it a time
        /// to come again.
        fileprivate(set) var reached: Int?

        init(
            id: String, owner: Int, priority: Int = 0, device: String = "auto", ranks: Int = 1, notBefore: Int? = nil,
            after: Set<String> = [], retryAt: Double? = nil
        ) {
            self.id = id
            self.owner = owner
            self.priority = priority
            self.device = device
            self.ranks = ranks
            self.notBefore = notBefore
            self.after = after
            self.retryAt = retryAt
        }
    }
    private struct Waiting {
        var entry: Entry
        /// Tells what the ready lists hold from what they held before.
        var ticket: Int
    }
    private struct Place: Comparable {
        var id: String
        var ticket: Int
        static func < (left: Place, right: Place) -> Bool { (left.id, left.ticket) < (right.id, right.ticket) }
    }
    private struct Due: Comparable {
        var time: Double
        var place: Place
        static func < (left: Due, right: Due) -> Bool { left.time < right.time }
    }
    /// The ready jobs of one priority that name one device, by owner.
    private struct Level {
        var owners: [Int: MinimumHeap<Place>] = [:]
    }
    private struct LevelKey: Hashable {
        var priority: Int
        var device: String
    }

    private var waiting: [String: Waiting] = [:]
    private var levels: [LevelKey: Level] = [:]
    private var wallClock = MinimumHeap<Due>()
    private var monotonicClock = MinimumHeap<Due>()
    private var dependents: [String: Set<String>] = [:]
    /// For each owner the turn in which a job of theirs last began.
    private var lastTurn: [Int: Int] = [:]
    private var turn = 0
    private var tickets = 0
    private var counts: [Int: Int] = [:]

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }
    func contains(_ id: String) -> Bool { waiting[id] != nil }
    /// Waiting jobs of one owner.
    func count(of owner: Int) -> Int { counts[owner] ?? 0 }
    /// Ids of some waiting jobs, for display.
    func some(_ limit: Int) -> [String] { waiting.keys.prefix(limit).sorted() }
    /// Whether something waits that is ready or will be tried again soon. Jobs for a later time and
    /// jobs that wait for others do not count.
    var hasDue: Bool { waiting.values.contains { $0.entry.after.isEmpty && $0.entry.notBefore == nil } }

    mutating func add(_ entry: Entry) {
        remove(entry.id)
        tickets += 1
        waiting[entry.id] = Waiting(entry: entry, ticket: tickets)
        counts[entry.owner, default: 0] += 1
        for other in entry.after { dependents[other, default: []].insert(entry.id) }
        place(entry, tickets)
    }

    @discardableResult
    mutating func remove(_ id: String) -> Entry? {
        guard let entry = waiting.removeValue(forKey: id)?.entry else { return nil }
        counts[entry.owner, default: 1] -= 1
        if counts[entry.owner] == 0 { counts[entry.owner] = nil }
        for other in entry.after {
            dependents[other]?.remove(id)
            if dependents[other]?.isEmpty == true { dependents[other] = nil }
        }
        return entry
    }

    private mutating func place(_ entry: Entry, _ ticket: Int) {
        let place = Place(id: entry.id, ticket: ticket)
        if !entry.after.isEmpty { return }
        if let time = entry.notBefore { return wallClock.insert(Due(time: Double(time), place: place)) }
        if let time = entry.retryAt { return monotonicClock.insert(Due(time: time, place: place)) }
        levels[LevelKey(priority: entry.priority, device: entry.device), default: Level()].owners[entry.owner, default: MinimumHeap()]
            .insert(place)
    }

    /// Tells that a job has ended.
    /// - Returns: the jobs that waited for its success and now never can begin; they are no longer
    ///   in the queue.
    mutating func ended(_ id: String, succeeded: Bool) -> [String] {
        guard let ids = dependents.removeValue(forKey: id) else { return [] }
        if !succeeded {
            for dependent in ids { remove(dependent) }
            return ids.sorted()
        }
        for dependent in ids {
            waiting[dependent]?.entry.after.remove(id)
            if let now = waiting[dependent] { place(now.entry, now.ticket) }
        }
        return []
    }

    /// Moves what is due to the ready jobs.
    private mutating func wake(monotonic: Double, wall: Int) {
        while let due = wallClock.first, due.time <= Double(wall) {
            wallClock.removeFirst()
            guard waiting[due.place.id]?.ticket == due.place.ticket else { continue }
            let time = waiting[due.place.id]?.entry.notBefore
            waiting[due.place.id]?.entry.reached = time
            waiting[due.place.id]?.entry.notBefore = nil
            if let now = waiting[due.place.id] { place(now.entry, now.ticket) }
        }
        while let due = monotonicClock.first, due.time <= monotonic {
            monotonicClock.removeFirst()
            guard waiting[due.place.id]?.ticket == due.place.ticket else { continue }
            waiting[due.place.id]?.entry.retryAt = nil
            if let now = waiting[due.place.id] { place(now.entry, now.ticket) }
        }
    }

    /// Takes the next job that may start.
    /// - Parameters:
    ///   - device: whether a free device serves jobs that name this one.
    ///   - owner: whether this owner may have one more job running.
    ///   - fits: whether there is room for this job; until there is, it stays the next.
    mutating func next(
        monotonic: Double, wall: Int, device: (String) -> Bool, owner: (Int) -> Bool, fits: (Entry) -> Bool = { _ in true }
    ) -> Entry? {
        wake(monotonic: monotonic, wall: wall)
        while let found = pick(device: device, owner: owner) {
            if let entry = waiting[found.id]?.entry, !fits(entry) { return nil }
            levels[found.key]?.owners[found.owner]?.removeFirst()
            _ = front(found.key, found.owner)
            guard var entry = remove(found.id) else { continue }
            guard let time = entry.reached, time > wall else {
                turn += 1
                lastTurn[found.owner] = turn
                return entry
            }
            (entry.notBefore, entry.reached) = (time, nil)
            add(entry)
        }
        return nil
    }

    private mutating func pick(device: (String) -> Bool, owner: (Int) -> Bool) -> (id: String, owner: Int, key: LevelKey)? {
        for priority in Set(levels.keys.map(\.priority)).sorted(by: >) {
            var best: (turn: Int, place: Place, owner: Int, key: LevelKey)?
            for key in levels.keys.filter({ $0.priority == priority }) where device(key.device) {
                for candidate in (levels[key]?.owners.keys).map(Array.init) ?? [] {
                    guard let place = front(key, candidate), owner(candidate) else { continue }
                    let turn = lastTurn[candidate] ?? -1
                    if best.map({ (turn, place) < ($0.turn, $0.place) }) ?? true { best = (turn, place, candidate, key) }
                }
            }
            if let best { return (best.place.id, best.owner, best.key) }
        }
        return nil
    }

    /// The oldest ready job of an owner; places whose job has left the queue are dropped on the
    /// way.
    private mutating func front(_ key: LevelKey, _ owner: Int) -> Place? {
        while let place = levels[key]?.owners[owner]?.first {
            if waiting[place.id]?.ticket == place.ticket { return place }
            levels[key]?.owners[owner]?.removeFirst()
        }
        levels[key]?.owners[owner] = nil
        if levels[key]?.owners.isEmpty == true { levels[key] = nil }
        return nil
    }
}
