import CPUBackend
import Datasets
import Foundation
import Graph
import Manifest
import Models
import Ranks
import Testing
import Training

/// Steps and evaluations of several lanes, carried by one process or by several that are threads
/// here.
@Suite(.serialized) struct LaneRunTests {
    /// What a run leaves.
    private struct Trace: Equatable {
        var losses: [UInt64] = []
        var parameters: [String: [UInt32]] = [:]
    }

    private static func makeRun(lanes: Int, group: any RankGroup) throws -> TrainingRun {
        var settings = RunSettings(
            batchSize: 5, totalSteps: 3,
            schedule: LearningRateSchedule(shape: .constant, peakRate: 1e-2, warmupSteps: 0, totalSteps: 3), seed: 3, isShuffled: true,
            microBatchTokens: 128)
        settings.lanes = Lanes(lanes)
        let tiny = try TinyRun(
            model: TinyRun.demo.model, data: TinyRun.demo.data, adapter: AdapterSettings(rank: 2, alpha: 4, dropout: 0.1),
            optimizer: AdamWOptimizer(), device: CPUDevice(threadCount: 1), settings: settings)
        let (training, validation) = tiny.run.training.split(fraction: 0.2, seed: 1)
        return TrainingRun(session: tiny.run.session, training: training, validation: validation, settings: settings, group: group)
    }

    /// Three steps, each with a comparison and an evaluation behind it.
    private static func lead(_ run: TrainingRun) throws -> Trace {
        var trace = Trace()
        try run.shareParameters()
        while let step = try run.isFinished ? nil : run.step() {
            trace.losses += [step.loss, step.gradientNorm, step.packingEfficiency].map(\.bitPattern)
            if let all = try run.evaluation() { trace.losses.append(all.meanLoss.bitPattern) }
            try run.compareParameters()
        }
        for parameter in run.session.programs.model.trainables.parameters {
            trace.parameters[parameter.key] = try run.session.programs.model.read(parameter.key, run.session.persistent).map(\.bitPattern)
        }
        return trace
    }

    private static func together<Value>(
        _ processes: Int, lanes: Int, _ lead: (TrainingRun, ThreadGroup) throws -> Value,
        follower: @escaping @Sendable (ThreadGroup) -> Void = { _ in }
    ) throws -> Value {
        try ThreadGroup.together(processes, run: { try makeRun(lanes: lanes, group: $0) }, follower: follower, lead)
    }

    /// Whether gradients go while others are still computed, or behind them.
    @Test(arguments: [true, false]) func anyNumberOfProcessesGivesTheSameBytes(movesBeside: Bool) throws {
        let alone = try Self.lead(Self.makeRun(lanes: 4, group: SingleRank()))
        #expect(alone.losses.count >= 12)
        for processes in [2, 4] {
            let shared = try Self.together(
                processes, lanes: 4,
                { run, group in
                    group.movesBeside = movesBeside
                    let trace = try Self.lead(run)
                    #expect(movesBeside ? group.begunBeforeGathering >= 8 && group.advances > 20 : group.begunBeforeGathering == 0)
                    #expect(group.begunCount == 0)
                    let gradients = run.session.programs.model.trainables.pageTensors([.gradient])
                    #expect(group.sharedCounts.reduce(0, +) == gradients.reduce(0) { $0 + $1.type.byteCount / 4 })
                    return trace
                }, follower: { $0.movesBeside = movesBeside })
            #expect(shared == alone, "\(processes) processes")
        }
    }

    @Test func lanesChangeRoundingAndNothingElse() throws {
        let one = try Self.makeRun(lanes: 1, group: SingleRank())
        let three = try Self.makeRun(lanes: 3, group: SingleRank())
        let (first, other) = (try #require(try one.step()), try #require(try three.step()))
        #expect(first.trainedTokens == other.trainedTokens && first.tokens == other.tokens)
        // Before the first update dropout changes gradients and not the loss; it draws for each
        // lane.
        #expect(abs(first.loss - other.loss) < 1e-5 * first.loss)
        #expect(abs(first.gradientNorm - other.gradientNorm) < 0.5 * first.gradientNorm && first.gradientNorm != other.gradientNorm)
    }

    @Test func aLaneWithoutExamplesAddsNothing() throws {
        let run = try Self.makeRun(lanes: 8, group: SingleRank())
        let step = try #require(try run.step())
        #expect(step.loss.isFinite && step.gradientNorm > 0 && step.trainedTokens > 0)
    }

    @Test func allBreakOffTogetherAndNothingIsDone() throws {
        try Self.together(
            2, lanes: 2,
            { run, _ in
                run.isCancelled = { true }
                let step = try run.step()
                #expect(step == nil && run.stepsDone == 0)
                run.isCancelled = { false }
            })
    }

    /// Some gradients are on their way then, of one process more than of the others.
    @Test(arguments: [1, 4, 7]) func aStepThatIsBrokenOffLeavesNothingUnderWay(count: Int) throws {
        try Self.together(
            4, lanes: 4,
            { run, group in
                run.isCancelled = { group.begunCount >= count }
                let step = try run.step()
                #expect(step == nil && run.stepsDone == 0 && group.begunCount == 0)
                run.isCancelled = { false }
                // The others have come to an end as well.
                try run.compareParameters()
            })
    }

    @Test func aRankThatComputesOtherNumbersIsFoundInThatStep() throws {
        try Self.together(
            2, lanes: 2,
            { run, _ in
                let error = #expect(throws: TrainingError.self) { _ = try run.step() }
                guard case .ranksDiffer(let step, _, let ranks)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(step == 1 && ranks == [1])
            },
            follower: { group in
                // The second gathering of a step is that of norms: eight bytes.
                group.falsify = { bytes in bytes.count == 8 ? [bytes[0] ^ 1] + bytes.dropFirst() : bytes }
            })
    }
}
