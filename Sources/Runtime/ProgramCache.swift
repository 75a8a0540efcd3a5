package import Graph

/// The programs of a loaded model: each is planned and prepared when it is first asked for; they
/// share one arena, and the least recently used goes.
///
/// A `Key` says what a program does and for how many tokens. A plan that was made to see whether it
/// fits the arena is the one that is prepared.
package final class ProgramCache<Key: Hashable> {
    package let loaded: LoadedModel
    private let planner: Planner
    private let arena: any Arena
    private let graph: (Key) throws -> Graph
    private let limit: Int
    private let plans: PlanCache<Key>
    private var fitting: [Key: Bool] = [:]
    private var prepared: [Key: Program] = [:]
    /// The least recently used first.
    private var recent: [Key] = []

    /// Allocates an arena as large as the largest programs need.
    /// - Parameters:
    ///   - largest: the programs that size the arena, the one with the most kernel calls among
    ///     them.
    ///   - known: a plan that was made already for one of these keys over a layout like that of
    ///     `loaded`, or nil.
    ///   - graph: what the program of a key computes.
    /// - Throws: ``GraphError``, and what the device throws.
    package init(
        _ loaded: LoadedModel, largest: [Key], known: (Key) -> Plan? = { _ in nil }, graph: @escaping (Key) throws -> Graph
    ) throws {
        self.loaded = loaded
        self.graph = graph
        let planner = loaded.planner
        let plans = PlanCache<Key>(limit: max(4, largest.count + 1))
        for key in largest { if let plan = known(key) { plans.keep(plan, for: key) } }
        let all = try largest.map { key in try plans.plan(key) { try planner.plan(graph(key)) } }
        self.planner = planner
        self.plans = plans
        limit = ProgramMemory.limit(callCount: all.map(\.calls.count).max() ?? 0)
        arena = try loaded.device.makeArena(blocks: ProgramMemory.arenaBlocks(of: all))
        for key in largest { fitting[key] = true }
    }

    /// Bytes of the arena that all programs share.
    package var arenaByteCount: Int { arena.blocks.reduce(0, +) }
    /// How many plans were made here so far.
    package var planCount: Int { plans.madeCount }

    /// Whether a program's plan fits the arena. A smaller program can need a little more than the
    /// largest, since values are packed greedily. A program that cannot be planned fits; asking for
    /// it then says what is wrong.
    package func fits(_ key: Key) -> Bool {
        if let answer = fitting[key] { return answer }
        guard let plan = try? plan(key) else { return true }
        let blocks = plan.transientBlocks
        let answer = blocks.count <= arena.blocks.count && !zip(blocks, arena.blocks).contains { $0 > $1 }
        if !answer { _ = plans.take(key) }
        fitting[key] = answer
        return answer
    }

    /// The program of a key, ready to run.
    /// - Parameter isCancelled: asked while kernels are prepared, where that takes long.
    /// - Throws: ``GraphError``, `Cancelled`, and what the device throws.
    package func program(_ key: Key, unless isCancelled: () -> Bool = { false }) throws -> Program {
        recent.removeAll { $0 == key }
        recent.append(key)
        if let known = prepared[key] { return known }
        let program = try makeProgram(key, unless: isCancelled)
        if prepared.count >= limit, let oldest = recent.first(where: { prepared[$0] != nil }) { prepared[oldest] = nil }
        recent.removeAll { $0 != key && prepared[$0] == nil }
        prepared[key] = program
        return program
    }

    /// A program that the caller keeps for itself, beyond the limit of those that are kept here.
    package func makeProgram(_ key: Key, unless isCancelled: () -> Bool = { false }) throws -> Program {
        let plan = try plan(key)
        _ = plans.take(key)
        return Program(
            executable: try loaded.device.makeExecutable(plan, persistent: loaded.memory, arena: arena, unless: isCancelled), plan: plan)
    }

    private func plan(_ key: Key) throws -> Plan { try plans.plan(key) { try planner.plan(graph(key)) } }
}
