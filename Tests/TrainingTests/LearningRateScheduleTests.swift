import JSON
import Manifest
import TestSupport
import Testing
import Training

@Suite struct LearningRateScheduleTests {
    private static func rates(_ shape: LearningRateSchedule.Shape, warmup: Int, total: Int) -> [Double] {
        let schedule = LearningRateSchedule(shape: shape, peakRate: 1, warmupSteps: warmup, totalSteps: total)
        return (0...total).map { schedule.rate(stepsDone: $0) }
    }

    @Test(arguments: LearningRateSchedule.Shape.allCases) func aWarmupBeginsAtZeroAndEndsAtThePeak(shape: LearningRateSchedule.Shape) {
        let rates = Self.rates(shape, warmup: 4, total: 10)
        #expect(Array(rates.prefix(5)) == [0, 0.25, 0.5, 0.75, 1])
    }

    @Test func afterTheWarmupEachShapeGoesItsWay() {
        #expect(Self.rates(.constant, warmup: 0, total: 3) == [1, 1, 1, 1])
        #expect(Self.rates(.linear, warmup: 0, total: 4) == [1, 0.75, 0.5, 0.25, 0])
        let cosine = Self.rates(.cosine, warmup: 0, total: 4)
        for (found, wanted) in zip(cosine, [1, 0.853_553_390_593_273_8, 0.5, 0.146_446_609_406_726_2, 0]) {
            #expect(abs(found - wanted) < 1e-15)
        }
    }

    @Test func aRunOfNothingButWarmupNeverReachesThePeak() {
        #expect(Self.rates(.cosine, warmup: 8, total: 4) == [0, 0.125, 0.25, 0.375, 0.5])
    }

    @Test(arguments: ReferenceSet.available) func theRatesAreTransformers(set: ReferenceSet) throws {
        let cases = try #require(try set.json("optimizers/schedules.json")["cases"]?.array)
        let names: [String: LearningRateSchedule.Shape] = ["constant_with_warmup": .constant, "linear": .linear, "cosine": .cosine]
        var compared = 0
        for entry in cases where entry["settings"]?.object?.isEmpty == true {
            guard let shape = entry["schedule"]?.string.flatMap({ names[$0] }),
                let rates = entry["lr_per_step"]?.array?.compactMap(\.double),
                let peak = entry["lr"]?.double, let warmup = entry["warmup_steps"]?.integer, let total = entry["total_steps"]?.integer
            else { continue }
            let schedule = LearningRateSchedule(shape: shape, peakRate: peak, warmupSteps: warmup, totalSteps: total)
            for (step, wanted) in rates.enumerated() {
                #expect(abs(schedule.rate(stepsDone: step) - wanted) <= 1e-15, "\(shape) step \(step)")
            }
            compared += 1
        }
        #expect(compared >= 3)
    }
}
