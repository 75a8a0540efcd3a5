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

    private static let shapes = LearningRateSchedule.Shape.allCases.filter { $0 != .cosineWarmupWithMinimum }

    @Test(arguments: shapes) func aWarmupBeginsAtZeroAndEndsAtThePeak(shape: LearningRateSchedule.Shape) {
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

    private static func schedule(_ entry: JSONNode) throws -> LearningRateSchedule {
        var settings = Manifest.Schedule()
        settings.shape = try #require(entry["schedule"]?.string.flatMap { Manifest.Schedule.Shape(rawValue: $0) })
        settings.warmupSteps = entry["warmup_steps"]?.integer ?? 0
        // What transformers calls constant has no warm-up.
        if settings.shape == .constant { settings.warmupSteps = 0 }
        let given = entry["settings"]
        func curve(_ key: String) -> Manifest.Schedule.Curve? { given?[key]?.string.flatMap { Manifest.Schedule.Curve(rawValue: $0) } }
        settings.cycleCount = given?["num_cycles"]?.double
        settings.power = given?["power"]?.double
        settings.endRate = given?["lr_end"]?.double
        settings.timescale = given?["timescale"]?.integer
        settings.minimumRate = given?["min_lr"]?.double
        settings.minimumShare = given?["min_lr_rate"]?.double
        settings.warmupStartShare = given?["warmup_lr_rate"]?.double
        settings.decaySteps = given?["num_decay_steps"]?.integer
        settings.stableSteps = given?["num_stable_steps"]?.integer
        settings.minimumRatio = given?["min_lr_ratio"]?.double
        (settings.warmupCurve, settings.decayCurve) = (curve("warmup_type"), curve("decay_type"))
        return LearningRateSchedule(
            settings, peakRate: try #require(entry["lr"]?.double), totalSteps: try #require(entry["total_steps"]?.integer))
    }

    @Test(arguments: ReferenceSet.available) func theRatesAreTransformers(set: ReferenceSet) throws {
        let cases = try #require(try set.json("optimizers/schedules.json")["cases"]?.array)
        var shapes: Set<LearningRateSchedule.Shape> = []
        for entry in cases {
            let schedule = try Self.schedule(entry)
            shapes.insert(schedule.settings.shape)
            // A run of nothing but warm-up has no step behind it.
            let after = schedule.totalSteps > schedule.warmupSteps ? entry["lr_after_last"].map { [$0] } ?? [] : []
            let rates = (entry["lr_per_step"]?.array ?? []) + after
            for (step, wanted) in rates.enumerated() {
                let wanted = try #require(wanted.double)
                #expect(
                    abs(schedule.rate(stepsDone: step) - wanted) <= 1e-15,
                    "\(schedule.settings.shape), \(schedule.totalSteps) steps, step \(step): \(schedule.rate(stepsDone: step)), not \(wanted)"
                )
            }
        }
        #expect(set == .own ? shapes.count >= 3 : shapes == Set(LearningRateSchedule.Shape.allCases))
    }

    @Test func aWarmupOfAShareIsSoManySteps() {
        var settings = Manifest.Schedule()
        settings.warmupShare = 0.1
        #expect(LearningRateSchedule(settings, peakRate: 1, totalSteps: 25).warmupSteps == 3)
        settings.warmupShare = nil
        #expect(LearningRateSchedule(settings, peakRate: 1, totalSteps: 25).warmupSteps == 0)
    }
}
