import Testing

@testable import VulkanBackend

/// How a plan is cut into submissions, and how what was measured corrects it.
@Suite struct SubmissionScheduleTests {
    static let aim = SubmissionPacer.submissionSeconds

    /// Every group of every step exactly once, in order.
    static func isComplete(_ schedule: SubmissionSchedule, _ groupCounts: [Int]) -> Bool {
        var next = [Int](repeating: 0, count: groupCounts.count)
        var step = 0
        for part in schedule.submissions.flatMap({ $0 }) {
            guard part.step >= step, part.groups.lowerBound == next[part.step], !part.groups.isEmpty else { return false }
            step = part.step
            next[part.step] = part.groups.upperBound
        }
        return next == groupCounts
    }

    @Test func shortStepsShareASubmissionAndLongOnesAreCut() {
        let counts = [10, 10, 1000, 3, 10]
        let schedule = SubmissionSchedule(seconds: [0.01, 0.01, 10 * Self.aim, 10 * Self.aim, 0.01], groupCounts: counts)
        #expect(Self.isComplete(schedule, counts))
        #expect(schedule.submissions.count >= 13)
        // A step of three groups cannot be cut into more than three parts.
        #expect(schedule.submissions.flatMap { $0 }.filter { $0.step == 3 }.count == 3)
        for parts in schedule.submissions where !parts.contains(where: { $0.step == 3 }) {
            #expect(schedule.expected(parts) <= Self.aim * 1.001)
        }
    }

    /// A device that takes `factor` times what was guessed for each step.
    static func measure(_ schedule: SubmissionSchedule, true seconds: [Double], _ counts: [Int]) -> [Double] {
        schedule.submissions.map { $0.reduce(0) { $0 + seconds[$1.step] * Double($1.groups.count) / Double(counts[$1.step]) } }
    }

    @Test func aRunThatWasGuessedTooShortIsCutSoThatSubmissionsTakeWhatTheyShould() {
        let counts = [500, 500, 500, 500]
        let truth = [0.2, 0.01, 1, 0.001]
        var schedule = SubmissionSchedule(seconds: [1e-4, 1e-4, 1e-4, 1e-4], groupCounts: counts)
        #expect(schedule.submissions.count == 1)
        for _ in 0..<6 { _ = schedule.correct(measured: Self.measure(schedule, true: truth, counts)) }
        #expect(Self.isComplete(schedule, counts))
        #expect(Self.measure(schedule, true: truth, counts).allSatisfy { $0 <= 1.5 * Self.aim })
        #expect(schedule.submissions.count < 60)
        // What fits is left alone.
        let changesAgain = schedule.correct(measured: Self.measure(schedule, true: truth, counts))
        #expect(!changesAgain)
    }

    @Test func aRunThatWasGuessedTooLongIsPutTogether() {
        let counts = [500, 500]
        var schedule = SubmissionSchedule(seconds: [100, 100], groupCounts: counts)
        #expect(schedule.submissions.count > 500)
        let changes = schedule.correct(measured: Self.measure(schedule, true: [0.001, 0.001], counts))
        #expect(changes)
        #expect(schedule.submissions.count == 1)
        #expect(Self.isComplete(schedule, counts))
    }

    @Test func measurementsThatCannotBeAreNotTaken() {
        var schedule = SubmissionSchedule(seconds: [1, 1], groupCounts: [100, 100])
        let before = schedule.submissions
        for measured in [[], Array(repeating: .nan, count: before.count), Array(repeating: -1, count: before.count)] {
            let changes = schedule.correct(measured: measured)
            #expect(!changes)
        }
        #expect(schedule.submissions == before)
    }

    @Test func anEmptyPlanHasNoSubmissions() { #expect(SubmissionSchedule(seconds: [], groupCounts: []).submissions.isEmpty) }
}
