/// The steps of a plan, cut into submissions of about the wanted length; steps that take too long
/// alone are cut into parts.
///
/// It begins with guesses and is corrected by what submissions were measured to take.
struct SubmissionSchedule {
    /// Some of a step's groups.
    struct Part: Equatable {
        var step: Int
        var groups: Range<Int>
    }
    /// Seconds that each step is expected to take.
    private(set) var seconds: [Double]
    private let groupCounts: [Int]
    private(set) var submissions: [[Part]] = []

    /// - Parameters:
    ///   - seconds: what each step is expected to take.
    ///   - groupCounts: groups of each step, which can be cut between any two of them.
    init(seconds: [Double], groupCounts: [Int]) {
        self.seconds = seconds
        self.groupCounts = groupCounts
        cut()
    }

    private mutating func cut() {
        submissions = []
        var waiting: [Part] = []
        var length = 0.0
        for step in seconds.indices {
            let wanted = (seconds[step] / SubmissionPacer.submissionSeconds).rounded(.up)
            let parts = min(groupCounts[step], max(1, Int(min(1e6, wanted))))
            for part in 0..<parts {
                let groups = (groupCounts[step] * part / parts)..<(groupCounts[step] * (part + 1) / parts)
                let more = seconds[step] / Double(parts)
                if !waiting.isEmpty, length + more > SubmissionPacer.submissionSeconds {
                    submissions.append(waiting)
                    (waiting, length) = ([], 0)
                }
                waiting.append(Part(step: step, groups: groups))
                length += more
            }
        }
        if !waiting.isEmpty { submissions.append(waiting) }
    }

    /// Seconds that a submission is expected to take.
    func expected(_ submission: [Part]) -> Double { submission.reduce(0) { $0 + share($1) * seconds[$1.step] } }

    private func share(_ part: Part) -> Double { Double(part.groups.count) / Double(max(1, groupCounts[part.step])) }

    /// Takes what each submission was measured to take, and cuts anew where one took much too long,
    /// or where there are far too many.
    /// - Returns: whether the submissions have changed.
    mutating func correct(measured: [Double]) -> Bool {
        guard measured.count == submissions.count, measured.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return false }
        let aim = SubmissionPacer.submissionSeconds
        let isTooLong = zip(measured, submissions).contains { time, parts in
            time > 1.5 * aim && (parts.count > 1 || (parts.first?.groups.count ?? 0) > 1)
        }
        let areTooMany = Double(submissions.count) > 4 + 4 * measured.reduce(0, +) / aim
        guard isTooLong || areTooMany else { return false }
        var corrected = [Double](repeating: 0, count: seconds.count)
        for (time, parts) in zip(measured, submissions) {
            let ratio = time / max(expected(parts), 1e-9)
            for part in parts { corrected[part.step] += share(part) * seconds[part.step] * ratio }
        }
        seconds = corrected
        let former = submissions
        cut()
        return submissions != former
    }
}
