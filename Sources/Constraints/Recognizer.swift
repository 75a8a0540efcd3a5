/// Runs an automaton: the sets of places in which it may be are numbered as they come up, and what
/// a byte leads to is remembered. For one thread at a time.
package final class Recognizer {
    /// Sets of places that are kept at most; more come of hostile schemas alone.
    package static let stateLimit = 1 << 15

    private struct Place: Hashable {
        var node: Int32
        /// What waits for the end of the part, as a number in `frames`.
        var stack: Int32
        var counter: Int32
    }
    private struct Frame: Hashable {
        var parent: Int32
        var next: Int32
        /// Arrays and objects that are open within the part that was entered.
        var nesting: Int32
    }
    private struct State {
        /// Places that take a byte, in order.
        var places: [Place]
        var accepts: Bool
    }
    private let automaton: Automaton
    private var frames: [Frame] = [Frame(parent: -1, next: -1, nesting: 0)]
    private var frameNumbers: [Frame: Int32] = [:]
    private var states: [State] = []
    private var numbers: [[Place]: [Bool: Int32]] = [:]
    /// For each state 256 entries: the state that a byte leads to, or `dead`; nil while nobody has
    /// asked for one of them. They stay where they are as long as this lives.
    private var rows: [UnsafeMutablePointer<Int32>?] = []
    /// For each state what ``goals(of:)`` and ``letterRun(_:)`` have found.
    var knownGoals: [[Int32]?] = []
    var knownRuns: [LetterRun?] = []
    /// What a walk over tokens wants to know of a state.
    struct Outlook {
        /// The states that bytes lead to.
        var row: UnsafePointer<Int32>
        /// A state to which many letters lead, and those letters; they fit so many times in a row,
        /// whichever, as far as that was looked at.
        var next: Int32
        var letters: LetterSet
        var times: Int32
    }
    private var outlooks: [Outlook?] = []
    /// Letters that are looked ahead.
    static let farthest = 32
    private var visited: Set<Place> = []
    /// Places that have been looked at: what a mask has cost, and what all of it has.
    private var work = 0
    private var allWork = 0
    private var limit = Int.max
    /// Whether more would have to be looked at than an answer is worth. Then nothing fits.
    package private(set) var isExhausted = false

    /// Where nothing fits any more.
    package static let dead: Int32 = -1
    /// Places of a state at most.
    private static let placeLimit = 4_096
    /// Places that are looked at for one mask at most, some tenths of a second, and for all of
    /// them: only what is made to cost much comes near.
    package static let workLimit = 2_000_000
    private static let allWorkLimit = 20_000_000

    package init(_ automaton: Automaton) { self.automaton = automaton }

    deinit { for row in rows { row?.deallocate() } }

    package var stateCount: Int { states.count }

    /// The state before the first byte.
    package lazy var start: Int32 = {
        var (places, accepts): ([Place], Bool) = ([], false)
        visited = []
        close(Place(node: automaton.start, stack: 0, counter: 0), &places, &accepts)
        return number(places, accepts)
    }()

    /// The state behind a byte.
    package func next(_ state: Int32, _ byte: UInt8) -> Int32 { state >= 0 ? row(of: state)[Int(byte)] : Self.dead }

    /// The states that each byte leads to from one that is not `dead`.
    func row(of state: Int32) -> UnsafePointer<Int32> { UnsafePointer(rows[Int(state)] ?? fill(state)) }

    /// Finds what each byte leads to. Bytes that the same places take lead to the same state, so
    /// few of them have to be looked at.
    private func fill(_ state: Int32) -> UnsafeMutablePointer<Int32> {
        let row = UnsafeMutablePointer<Int32>.allocate(capacity: 256)
        row.initialize(repeating: Self.dead, count: 256)
        rows[Int(state)] = row
        guard !isExhausted else { return row }
        var takers: [(low: Int, high: Int, next: Place)] = []
        var begins = [Bool](repeating: false, count: 257)
        for place in states[Int(state)].places {
            guard case .range(let low, let high, let next) = automaton.nodes[Int(place.node)], low <= high else { continue }
            takers.append((Int(low), Int(high), Place(node: next, stack: place.stack, counter: place.counter)))
            (begins[Int(low)], begins[Int(high) + 1]) = (true, true)
        }
        var start = 0
        while start < 256 {
            var end = start + 1
            while end < 256, !begins[end] { end += 1 }
            var (places, accepts): ([Place], Bool) = ([], false)
            visited.removeAll(keepingCapacity: true)
            for taker in takers where taker.low <= start && start <= taker.high { close(taker.next, &places, &accepts) }
            work += takers.count
            let found = number(places, accepts)
            if found != Self.dead { for byte in start..<end { row[byte] = found } }
            start = end
            if work > limit {
                isExhausted = true
                return row
            }
        }
        return row
    }

    /// Begins to count what a mask costs.
    func beginMask() {
        allWork += work
        (work, limit) = (0, Self.workLimit)
        if allWork > Self.allWorkLimit { isExhausted = true }
    }

    /// - Precondition: the state is not `dead`.
    func outlook(of state: Int32) -> Outlook {
        if let known = outlooks[Int(state)], known.times > 0 { return known }
        var outlook = nearOutlook(of: state)
        var place = outlook
        while outlook.times < Self.farthest, place.next != Self.dead {
            let behind = nearOutlook(of: place.next)
            // Whoever comes back to where he was can go on for ever.
            outlook.times = place.row == behind.row ? .max : outlook.times + 1
            guard outlook.letters.isSubset(of: behind.letters) else { break }
            place = behind
        }
        outlook.times = max(1, outlook.times)
        outlooks[Int(state)] = outlook
        return outlook
    }

    /// The same, without how many times the letters fit.
    private func nearOutlook(of state: Int32) -> Outlook {
        if let known = outlooks[Int(state)] { return known }
        let row = row(of: state)
        // A state that most bytes of ASCII lead to wins this vote (Boyer and Moore 1981); else any
        // will do.
        var (goal, votes) = (Self.dead, 0)
        for byte in 0..<128 where row[byte] != Self.dead {
            if votes == 0 { goal = row[byte] }
            votes += row[byte] == goal ? 1 : -1
        }
        if goal == Self.dead { goal = next(state, [0xE5, 0x80, 0x80] as [UInt8]) }
        var outlook = Outlook(row: row, next: goal, letters: LetterSet(), times: 0)
        if goal != Self.dead {
            for byte in 0..<UInt8(128) where row[Int(byte)] == goal { outlook.letters.insert(byte) }
            var seen: [(state: Int32, place: LetterPlace, leads: Bool)] = []
            for byte in LetterSet.wideBytes where row[Int(byte)] != Self.dead {
                if allLead(row[Int(byte)], LetterPlace.start.next(byte), to: goal, &seen) { outlook.letters.insert(byte) }
            }
        }
        outlooks[Int(state)] = outlook
        return outlook
    }

    /// Whether whatever completes a letter leads to a state.
    private func allLead(
        _ state: Int32, _ place: LetterPlace, to goal: Int32, _ seen: inout [(state: Int32, place: LetterPlace, leads: Bool)]
    ) -> Bool {
        if place == .start { return state == goal }
        guard state != Self.dead, place != .none else { return false }
        if let known = seen.first(where: { $0.state == state && $0.place == place }) { return known.leads }
        var leads = true
        for (byte, behind) in place.bytes where leads { leads = allLead(next(state, byte), behind, to: goal, &seen) }
        seen.append((state, place, leads))
        return leads
    }

    package func next(_ state: Int32, _ bytes: some Sequence<UInt8>) -> Int32 {
        var state = state
        for byte in bytes {
            state = next(state, byte)
            if state == Self.dead { break }
        }
        return state
    }

    /// Whether all may end here.
    package func accepts(_ state: Int32) -> Bool { state >= 0 && states[Int(state)].accepts }

    /// Whether all must end here.
    package func isFinal(_ state: Int32) -> Bool { state >= 0 && states[Int(state)].accepts && states[Int(state)].places.isEmpty }

    private func number(_ places: [Place], _ accepts: Bool) -> Int32 {
        guard !places.isEmpty || accepts, places.count <= Self.placeLimit else { return Self.dead }
        let places = places.sorted { ($0.node, $0.stack, $0.counter) < ($1.node, $1.stack, $1.counter) }
        if let known = numbers[places]?[accepts] { return known }
        guard states.count < Self.stateLimit else { return Self.dead }
        let number = Int32(truncatingIfNeeded: states.count)
        states.append(State(places: places, accepts: accepts))
        rows.append(nil)
        outlooks.append(nil)
        knownGoals.append(nil)
        knownRuns.append(nil)
        numbers[places, default: [:]][accepts] = number
        return number
    }

    /// Adds the places that take a byte and are reached from here without one.
    private func close(_ first: Place, _ places: inout [Place], _ accepts: inout Bool) {
        var open = [first]
        while let place = open.popLast() {
            work += 1
            guard places.count <= Self.placeLimit, visited.insert(place).inserted else { continue }
            func go(_ node: Int32, stack: Int32? = nil, counter: Int32? = nil) {
                open.append(Place(node: node, stack: stack ?? place.stack, counter: counter ?? place.counter))
            }
            switch automaton.nodes[Int(place.node)] {
            case .range: places.append(place)
            case .split(let nodes): for node in nodes { go(node) }
            case .call(let part, let nesting, let next):
                let inside = frames[Int(place.stack)].nesting + nesting
                go(automaton.parts[Int(part)], stack: frame(Frame(parent: place.stack, next: next, nesting: inside)))
            case .gate(let nesting, let next):
                if frames[Int(place.stack)].nesting + nesting <= Automaton.nestingLimit { go(next) }
            case .reset(let next): go(next, counter: 0)
            case .count(let limit, let enough, let next):
                if limit < 0 {
                    go(next, counter: min(enough, place.counter + 1))
                } else if place.counter < limit {
                    go(next, counter: place.counter + 1)
                }
            case .counted(let least, let next): if place.counter >= least { go(next) }
            case .end:
                let frame = frames[Int(place.stack)]
                if frame.parent < 0 { accepts = true } else { go(frame.next, stack: frame.parent) }
            }
        }
    }

    private func frame(_ frame: Frame) -> Int32 {
        if let known = frameNumbers[frame] { return known }
        let number = Int32(truncatingIfNeeded: frames.count)
        frames.append(frame)
        frameNumbers[frame] = number
        return number
    }
}
