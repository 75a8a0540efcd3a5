import JSON
import TestSupport
import Testing
import Training

@Suite struct LearningRateScheduleTests {
    @Test func theRateOfEveryStepIsThatOfTransformers() throws {
        let schedules = try ReferenceSet.own.json("schedules.json")["schedules"]?.array ?? []
        #expect(schedules.count > 10)
        for node in schedules {
            let shape = try #require(node["shape"]?.string.flatMap { LearningRateSchedule.Shape(rawValue: $0) })
            let schedule = LearningRateSchedule(
                shape: shape, peakRate: try #require(node["rate"]?.double), warmupSteps: try #require(node["warmup_steps"]?.integer),
                totalSteps: try #require(node["total_steps"]?.integer))
            let wanted = node["rates"]?.array?.compactMap(\.double) ?? []
            #expect(wanted.count == schedule.totalSteps)
            for (step, rate) in wanted.enumerated() {
                let found = schedule.rate(stepsDone: step)
                #expect(abs(found - rate) <= 1e-12, "\(schedule), \(step) steps done: \(found), transformers \(rate)")
            }
        }
    }

    @Test func aScheduleEndsAtZeroAndStaysThere() {
        for shape in [LearningRateSchedule.Shape.linear, .cosine] {
            let schedule = LearningRateSchedule(shape: shape, peakRate: 1, warmupSteps: 2, totalSteps: 6)
            #expect(schedule.rate(stepsDone: 2) == 1)
            #expect((6...9).allSatisfy { abs(schedule.rate(stepsDone: $0)) < 1e-15 })
        }
    }
}
