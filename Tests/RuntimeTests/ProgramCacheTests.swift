import CPUBackend
import Graph
import Models
import Runtime
import Tensors
import Testing

@Suite struct ProgramCacheTests {
    /// Programs of so many rows each, which double their input.
    private static func programs(largest: [Int], counting graphs: Counter = Counter()) throws -> ProgramCache<Int> {
        let loaded = try LoadedModel(SmallModel.make(.nothing), on: try CPUDevice())
        return try ProgramCache(loaded, largest: largest) { rows in
            graphs.count += 1
            var graph = Graph()
            let input = graph.input("x", TensorType(rows: rows, columns: 4, .float32))
            let sum = try graph.add(Add(), [input, input])[0]
            graph.markOutput(try graph.add(Add(), [sum, sum])[0], "y")
            return graph
        }
    }

    final class Counter {
        var count = 0
    }

    @Test func aProgramIsPlannedOnceHoweverOftenItIsAskedFor() throws {
        let graphs = Counter()
        let programs = try Self.programs(largest: [64, 8], counting: graphs)
        for _ in 0..<3 {
            for rows in [64, 8, 16] {
                #expect(programs.fits(rows))
                let program = try programs.program(rows)
                try program.write([Float](repeating: 1.5, count: 4 * rows), to: "x")
                try program.write([Float(1)], to: "an input that the program lacks")
                try program.executable.run()
                #expect(try program.executable.readFloats("y", count: 4 * rows) == [Float](repeating: 6, count: 4 * rows))
            }
        }
        #expect(graphs.count == 3)
        #expect(programs.planCount == 3)
    }

    @Test func aProgramThatNeedsMoreThanTheArenaDoesNotFit() throws {
        let programs = try Self.programs(largest: [64])
        #expect(programs.arenaByteCount >= 64 * 4 * 4)
        #expect(programs.fits(63))
        #expect(!programs.fits(4_096))
        #expect(!programs.fits(4_096))
        #expect(programs.planCount == 3)
    }

    @Test func theLeastRecentlyUsedProgramGoesFirst() throws {
        let graphs = Counter()
        let programs = try Self.programs(largest: [64], counting: graphs)
        let limit = ProgramMemory.limit(callCount: 2)
        for rows in 1...limit { _ = try programs.program(rows) }
        _ = try programs.program(1)
        let before = graphs.count
        _ = try programs.program(limit + 1)
        _ = try programs.program(1)
        #expect(graphs.count == before + 1, "the program of one row was used last and should be there still")
        _ = try programs.program(2)
        #expect(graphs.count == before + 2, "the program of two rows should have gone")
    }

    @Test func aPlanThatWasMadeElsewhereIsTakenOver() throws {
        let model = try SmallModel.make(.nothing)
        let loaded = try LoadedModel(model, on: try CPUDevice())
        var graph = Graph()
        let input = graph.input("x", TensorType(rows: 8, columns: 4, .float32))
        graph.markOutput(try graph.add(Add(), [input, input])[0], "y")
        let plan = try loaded.planner.plan(graph)
        let programs = try ProgramCache(loaded, largest: [0], known: { _ in plan }) { _ in
            Issue.record("the plan is known")
            return Graph()
        }
        _ = try programs.program(0)
        #expect(programs.planCount == 0)
    }

    @Test func aPlanCacheKeepsThePlansUsedLast() throws {
        let cache = PlanCache<Int>(limit: 2)
        let plan = Plan(calls: [], transientBlocks: [], exchangeBlocks: [], inputs: [:], outputs: [:], cost: .zero)
        for key in [1, 2, 1, 3, 1, 2] { _ = try cache.plan(key) { plan } }
        #expect(cache.madeCount == 4, "1, 2, 3, and 2 again, which had gone when 3 came")
        #expect(cache.take(1) != nil)
        #expect(cache.take(1) == nil)
    }
}
