import Devices
import Graph
import JSON
import Jobs
import Manifest
import Models
import Preparation
import Ranks
import TestSupport
import Testing
import Training
import Worker

/// What the planner chooses under a limit, on the shape of SmolLM2-135M; nothing is allocated.
@Suite struct MemoryPlannerTests {
    static func model(_ format: BaseWeights, full: Bool = false, lanes: Int = 1) throws -> LanguageModel {
        let configuration = try ModelConfiguration(
            json: [
                "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
                "intermediate_size": 1536, "vocab_size": 49152, "tie_word_embeddings": true, "rms_norm_eps": 1e-5,
                "max_position_embeddings": 32768,
            ], file: "shape")
        return try LanguageModel(
            configuration, source: .random(seed: 1), training: full ? .full : .adapter(AdapterSettings(), seed: 1),
            precision: .init(baseWeights: full ? .stored : format), maximumLength: 1024, laneCount: lanes)
    }

    static func choose(
        _ formats: [BaseWeights] = [.stored, .q8, .nf4], limit mebibytes: Int?, longest: Int = 1024, full: Bool = false
    ) throws -> JobPlan {
        let planner = MemoryPlanner(
            device: try Devices.make("cpu", replaced: { _ in }), optimizer: AdamWOptimizer(), byteLimit: mebibytes.map { $0 << 20 },
            programBytes: 40 << 20)
        return try planner.choose(formats, batchTokens: 4096, longestExample: longest) { try model($0, full: full) }.plan
    }

    static func failure(_ body: () throws -> JobPlan) -> TrainingError? {
        do {
            _ = try body()
            return nil
        } catch { return error as? TrainingError }
    }

    @Test func withRoomEnoughTheWholeBatchIsOneMicroBatchOnExactWeights() throws {
        let plan = try Self.choose(limit: nil)
        #expect(plan.choice == .init(tokenCount: 4096, recomputedLayers: 0, baseWeights: .stored))
    }

    @Test func lessMemoryMeansSmallerMicroBatchesThenRecomputedLayersThenFewerBits() throws {
        let rows = try [6000, 2500, 1500, 1000, 850, 700].map { try Self.choose(limit: $0) }
        for (plan, limit) in zip(rows, [6000, 2500, 1500, 1000, 850, 700]) { #expect(plan.peakBytes <= limit << 20) }
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.size.tokenCount >= $1.size.tokenCount })
        #expect(rows[1].choice.tokenCount < 4096 && rows[1].recomputedLayers == 0)
        let ranks: [BaseWeights: Int] = [.stored: 0, .q8: 1, .nf4: 2]
        #expect(zip(rows, rows.dropFirst()).allSatisfy { (ranks[$0.baseWeights] ?? 9) <= (ranks[$1.baseWeights] ?? 9) })
        #expect(rows.contains { $0.recomputedLayers > 0 })
        #expect(rows.last?.baseWeights != .stored)
    }

    /// A process of a job of four lanes that trains the whole model, on a device with memory of its
    /// own.
    private static func chooseFull(limit mebibytes: Int?, rank: Int = 0, of processes: Int = 1) throws -> JobPlan {
        var planner = MemoryPlanner(
            device: try Devices.make("cpu", replaced: { _ in }), optimizer: AdamWOptimizer(), byteLimit: mebibytes.map { $0 << 20 })
        (planner.lanes, planner.dividesState, planner.rank, planner.processes) = (Lanes(4), true, rank, processes)
        return try planner.choose([.stored], batchTokens: 1024, longestExample: 256) { try model($0, full: true, lanes: 4) }.plan
    }

    @Test func processesThatTrainAWholeModelNeedLessMemoryEachTheMoreThereAre() throws {
        let alone = try Self.chooseFull(limit: nil)
        #expect(alone.leastProcesses == 1 && alone.divisions.map(\.processes) == [4, 2, 1])
        let persistent = alone.divisions.map(\.persistentBytes)
        #expect(persistent[2] == alone.persistentBytes && alone.divisions[2].peakBytes == alone.peakBytes)
        // Two states in float32, of which a half and a quarter is left, and a little for uneven
        // pages.
        let stateBytes = 8 * 134_515_008
        #expect(persistent[2] - persistent[1] > stateBytes * 45 / 100 && persistent[2] - persistent[0] > stateBytes * 70 / 100)
        // One process with four lanes adds up three sums at most, one with a single lane none.
        #expect(alone.divisions[0].laneBytes < 100 << 20 && alone.divisions[2].laneBytes > 1 << 30)
        // What is foretold is what the fullest process plans with; all decide alike.
        let four = try (0..<4).map { try Self.chooseFull(limit: nil, rank: $0, of: 4) }
        #expect(Set(four.map(\.choice)) == [alone.choice])
        let most = try #require(four.map(\.persistentBytes).max())
        #expect(abs(most - persistent[0]) < 1 << 20, "\(four.map(\.persistentBytes)), foretold \(persistent[0])")
    }

    @Test func aWholeModelThatOneProcessCannotHoldIsPlannedForAsFewAsCan() throws {
        let two = try Self.chooseFull(limit: 1900)
        #expect(two.leastProcesses == 2 && two.peakBytes > 1900 << 20)
        let half = try Self.chooseFull(limit: 1900, rank: 1, of: 2)
        #expect(half.choice == two.choice && half.peakBytes <= 1900 << 20)
        guard case .doesNotFit(let needed, _, _)? = Self.failure({ try Self.chooseFull(limit: 1000) }) else {
            Issue.record("1000 MiB hold it")
            return
        }
        #expect(needed > 2000 << 20, "what one process needs is said")
    }

    @Test func asFewLayersAsNeedBeAreRecomputed() throws {
        let plan = try Self.choose([.stored], limit: 1000)
        guard plan.recomputedLayers > 0 else { return #expect(plan.recomputedLayers > 0) }
        var fewer = plan.choice
        fewer.recomputedLayers -= 1
        let planner = MemoryPlanner(
            device: try Devices.make("cpu", replaced: { _ in }), optimizer: AdamWOptimizer(), byteLimit: nil, programBytes: 40 << 20)
        #expect(try planner.plan(Self.model(.stored), fewer).peakBytes > 1000 << 20)
    }

    @Test func whatCannotFitIsRefusedWithTheSettingsThatWould() throws {
        let error = try #require(Self.failure { try Self.choose(limit: 500, longest: 4096) })
        guard case .doesNotFit(let needed, let available, let advice) = error else { return #expect("\(error)" == "doesNotFit") }
        #expect(available == 500 << 20 && needed > available)
        // Both settings that the advice names do fit.
        let limit = try #require(advice.split(separator: " ").dropFirst(5).compactMap { Int($0) }.first)
        #expect(try Self.choose(limit: limit, longest: 4096).peakBytes <= limit << 20)
        let words = advice.split(separator: " ")
        let place = try #require(words.firstIndex(of: "max_length"))
        let length = try #require(Int(words[place + 2]))
        #expect(try Self.choose(limit: 500, longest: length).peakBytes <= 500 << 20)
        #expect(Self.failure { try Self.choose(limit: 500, longest: 2 * length) } != nil)
        let full = try #require(Self.failure { try Self.choose(limit: 1000, full: true) })
        #expect("\(full)".contains("adapter.type lora"))
    }

    @Test func aJobThatHasBegunKeepsItsChoice() throws {
        let choice = JobPlan.Choice(tokenCount: 1024, recomputedLayers: 7, logitsByteLimit: 8 << 20, baseWeights: .q8)
        let planner = MemoryPlanner(device: try Devices.make("cpu", replaced: { _ in }), optimizer: AdamWOptimizer(), byteLimit: nil)
        let kept = try planner.choose([.stored], batchTokens: 4096, longestExample: 1024, keeping: choice) { try Self.model($0) }.plan
        #expect(kept.choice == choice)
        let figures = try #require(PlanFigures(json: PlanFigures(kept).json))
        #expect(JobPlan.Choice(figures) == choice && figures == PlanFigures(kept))
        #expect(PlanFigures(json: ["micro_batch_tokens": 1024]) == nil)
    }

    @Test func aPlanOfThirtyLayersIsQuicklyMade() throws {
        let model = try Self.model(.nf4)
        let planner = MemoryPlanner(
            device: try Devices.make("cpu", replaced: { _ in }), optimizer: AdamWOptimizer(), byteLimit: nil, programBytes: 40 << 20)
        _ = try planner.plan(model, .init(tokenCount: 512, recomputedLayers: 0, baseWeights: .nf4))
        // 50 ms for three programs.
        let seconds = try ProcessorTime.measure {
            _ = try planner.plan(model, .init(tokenCount: 576, recomputedLayers: 10, baseWeights: .nf4))
        }
        #expect(seconds < 1)
    }
}
