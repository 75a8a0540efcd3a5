import Jobs
import Testing

@testable import Daemon

@Suite struct RetryTests {
    private let policy = RetryPolicy(delays: [5, 60, 600])

    @Test func threeTriesWithoutProgressAndNoFourth() {
        var record = CrashRecord()
        let decisions = (0..<4).map { _ in policy.decide(.init(step: nil, checkpoint: 0, mayBeFromOutside: false), &record) }
        #expect(decisions == [.retry(after: 5), .retry(after: 60), .retry(after: 600), .giveUp])
    }

    @Test func aNewCheckpointMakesTheCountStartAnew() {
        var record = CrashRecord()
        _ = policy.decide(.init(step: 3, checkpoint: 0, mayBeFromOutside: false), &record)
        _ = policy.decide(.init(step: 5, checkpoint: 0, mayBeFromOutside: false), &record)
        #expect(policy.decide(.init(step: 12, checkpoint: 10, mayBeFromOutside: false), &record) == .retry(after: 5))
        #expect(record.count == 1)
    }

    @Test func theSameStepIsNotTriedAThirdTime() {
        var record = CrashRecord()
        #expect(policy.decide(.init(step: 7, checkpoint: 5, mayBeFromOutside: false), &record) == .retry(after: 5))
        #expect(policy.decide(.init(step: 7, checkpoint: 5, mayBeFromOutside: false), &record) == .poisoned(step: 7))
    }

    @Test func aKillFromOutsideSaysNothingOfTheStep() {
        var record = CrashRecord()
        #expect(policy.decide(.init(step: 7, checkpoint: 5, mayBeFromOutside: true), &record) == .retry(after: 5))
        #expect(policy.decide(.init(step: 7, checkpoint: 5, mayBeFromOutside: true), &record) == .retry(after: 60))
    }

    @Test func theRecordSurvivesTheDaemon() throws {
        var record = CrashRecord()
        _ = policy.decide(.init(step: 7, checkpoint: 5, mayBeFromOutside: false), &record)
        #expect(CrashRecord(json: record.json) == record)
    }

    @Test func aWorkerIsSilentForTooLongOnlyComparedWithItsOwnSteps() {
        var watchdog = StepWatchdog(.init(minimum: 10, factor: 10, outsideSteps: 100, beforeFirstSign: 50), now: 0)
        #expect(watchdog.silence(nil, now: 49) == nil)
        #expect(watchdog.silence(nil, now: 51) == 51)
        let first = Pulse(phase: .preparing, step: 0, beat: 1)
        #expect(watchdog.silence(first, now: 60) == nil)
        #expect(watchdog.silence(first, now: 159) == nil)
        #expect(watchdog.silence(first, now: 161) == 101)
        var now = 200.0
        for step in 1...5 {
            #expect(watchdog.silence(Pulse(phase: .step, step: step, beat: step), now: now) == nil)
            now += 3
        }
        #expect(watchdog.medianStep == 3)
        let last = Pulse(phase: .step, step: 5, beat: 5)
        // The last change was three seconds ago; thirty are allowed.
        #expect(watchdog.silence(last, now: now + 26) == nil)
        #expect(watchdog.silence(last, now: now + 28) == 31)
        // A beat inside of a step is a sign of life.
        #expect(watchdog.silence(Pulse(phase: .step, step: 5, beat: 6), now: now + 29) == nil)
        #expect(watchdog.silence(Pulse(phase: .step, step: 5, beat: 6), now: now + 50) == nil)
    }

    @Test(arguments: ["", "step", "step x 1", "step -1 2", "walk 1 2", "step 1 2 3"])
    func aTornPulseIsNone(line: String) { #expect(Pulse(line: line) == nil) }

    @Test func aPulseIsReadAsItWasWritten() {
        let pulse = Pulse(phase: .evaluation, step: 123_456, beat: 7)
        #expect(Pulse(line: pulse.line) == pulse && pulse.line.utf8.count == 64)
    }
}
