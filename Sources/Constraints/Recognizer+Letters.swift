/// What letters of a string do behind a state, whichever they are: most tokens are made of them.
extension Recognizer {
    /// How many letters fit in a row.
    struct LetterRun: Sendable {
        var count: Int
        /// Whether no letter fits behind so many.
        var isLast: Bool
    }

    /// How many letters fit behind a state, whichever they are, up to ``farthest``.
    /// - Precondition: the state is not `dead`.
    func letterRun(_ state: Int32) -> LetterRun {
        if let known = knownRuns[Int(state)] { return known }
        let run = letterRun(state, upTo: Self.farthest)
        knownRuns[Int(state)] = run
        return run
    }

    /// The same up to another number. Letters may lead to different states: what counts is that
    /// others fit behind each of them.
    func letterRun(_ state: Int32, upTo limit: Int) -> LetterRun {
        guard state >= 0 else { return LetterRun(count: 0, isLast: false) }
        // Those that are reached by so many letters, and all that have been reached.
        var (current, seen) = ([state], [state])
        var returns = false
        for count in 0..<limit {
            var next: [Int32] = []
            for place in current {
                let goals = goals(of: place)
                if goals.isEmpty { return LetterRun(count: count, isLast: !returns && !current.contains { takesLetter($0) }) }
                for goal in goals where !next.contains(goal) { next.append(goal) }
            }
            // Behind one that has been looked at letters fit, as far as others do.
            current = next.filter { !seen.contains($0) }
            if current.isEmpty { break }
            if current.count < next.count { returns = true }
            seen += current
            if seen.count > limit + Self.farthest { return LetterRun(count: count + 1, isLast: false) }
        }
        return LetterRun(count: limit, isLast: false)
    }

    /// Different states that letters lead to, at most; more are not followed.
    private static let mostGoals = 8

    /// The states that letters lead to, whichever they are; none where one does not fit, or they
    /// are too many.
    private func goals(of state: Int32) -> [Int32] {
        if let known = knownGoals[Int(state)] { return known }
        var found: [Int32] = []
        var fits = true
        // Places within letters that have been looked at.
        var seen: [(state: Int32, place: LetterPlace)] = []
        var open: [(state: Int32, place: LetterPlace)] = [(state, .start)]
        while fits, let (from, place) = open.popLast() {
            let row = row(of: from)
            for (byte, behind) in place.bytes {
                let reached = row[Int(byte)]
                if reached == Self.dead {
                    fits = false
                    break
                }
                if behind == .start {
                    if !found.contains(reached) { found.append(reached) }
                } else if !seen.contains(where: { $0.state == reached && $0.place == behind }) {
                    seen.append((reached, behind))
                    open.append((reached, behind))
                }
            }
            fits = fits && found.count <= Self.mostGoals
        }
        if !fits { found = [] }
        knownGoals[Int(state)] = found
        return found
    }

    /// Whether any letter fits.
    private func takesLetter(_ state: Int32) -> Bool {
        let row = row(of: state)
        return LetterPlace.start.bytes.contains { row[Int($0.byte)] != Self.dead }
    }
}
