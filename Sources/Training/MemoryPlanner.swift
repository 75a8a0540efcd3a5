import Datasets
package import Graph
import Jobs
package import Manifest
package import Models
package import Ranks
import Runtime

/// Chooses micro-batch, recomputation, rows of logits and the format of frozen weights so that a
/// job fits the memory it may use.
package struct MemoryPlanner {
    package var device: any ComputeDevice
    package var optimizer: any Optimizer
    package var objective: any Objective
    /// Bytes that may be held at the peak (``JobPlan/peakBytes``); nil: as many as it takes.
    package var byteLimit: Int?
    /// Bytes of the program itself that count, see ``JobPlan/programBytes``.
    package var programBytes: Int
    /// How many sizes of training program a run may need, of which a session keeps some prepared.
    package var programCount: Int
    /// The model beside it that its loss asks; nil: none.
    package var teacher: TeacherModel?
    /// What each step is divided into.
    package var lanes = Lanes(1)
    /// Whether more processes need less memory each: where the whole model is trained.
    package var dividesState = false
    /// Which process of the job this is.
    package var rank = 0
    /// How many processes train together.
    package var processes = 1
    /// The plans of the choices that were looked at last, for the session that follows.
    private let plans = PlanCache<CandidateKey>(limit: 5)
    private let teachers = TeacherFigures.Cache()

    /// A program and what its plan follows from: what it does not depend on is the same for all
    /// choices.
    private struct CandidateKey: Hashable {
        /// Held, so that no other model can take its place in memory.
        let model: LanguageModel
        let program: ProgramKey
        private(set) var recomputedLayers = 0
        private(set) var logitsByteLimit = 0
        private let division: [Int]

        init(_ planner: MemoryPlanner, _ model: LanguageModel, _ program: ProgramKey, _ choice: JobPlan.Choice) {
            (self.model, self.program) = (model, program)
            division = [planner.rank, planner.processes]
            if case .gradients = program { recomputedLayers = choice.recomputedLayers }
            if program != .update { logitsByteLimit = choice.logitsByteLimit }
        }

        static func == (left: CandidateKey, right: CandidateKey) -> Bool {
            left.model === right.model && left.program == right.program && left.recomputedLayers == right.recomputedLayers
                && left.logitsByteLimit == right.logitsByteLimit && left.division == right.division
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(ObjectIdentifier(model))
            hasher.combine(program)
        }
    }

    /// How many plans were made so far.
    package var planCount: Int { plans.madeCount }

    /// The session in which a model is trained by a plan; it takes over the plans that were made
    /// for it.
    package func makeSession(_ model: LanguageModel, _ plan: JobPlan) throws -> TrainingSession {
        defer { plans.removeAll() }
        let session = try TrainingSession(
            device: device, programs: programs(model, plan.choice), largest: plan.size,
            known: { plans.take(CandidateKey(self, model, $0, plan.choice)) })
        if let teacher { try session.take(Teacher(teacher, device: device, largest: plan.size)) }
        return session
    }

    /// The plan of forward and backward pass of a full micro-batch.
    /// - Throws: what planning throws.
    package func gradientsPlan(_ model: LanguageModel, _ plan: JobPlan) throws -> Plan {
        let programs = programs(model, plan.choice)
        let program = ProgramKey.gradients(plan.size)
        return try plans.plan(CandidateKey(self, model, program, plan.choice)) {
            try Planner(limits: device.limits, layout: layout(model)).plan(programs.graph(program))
        }
    }

    /// The programs that this process runs.
    private func programs(_ model: LanguageModel, _ choice: JobPlan.Choice) -> Programs {
        Programs(model: model, optimizer: optimizer, objective: objective, choice: choice).divided(rank: rank, of: processes)
    }

    package init(
        device: any ComputeDevice, optimizer: any Optimizer, objective: any Objective = SupervisedObjective(), byteLimit: Int?,
        programBytes: Int = 0, programCount: Int = 1
    ) {
        self.objective = objective
        self.programCount = programCount
        self.device = device
        self.optimizer = optimizer
        self.byteLimit = byteLimit
        self.programBytes = programBytes
    }

    /// Tokens of a micro-batch above which a larger one gains nothing.
    static let preferredTokens = 4096
    /// Tokens below which products become slow, so that recomputing layers is the better way to
    /// save memory.
    static let efficientTokens = 512
    /// Bytes of logits, the fastest first.
    static let logitsLimits = [Programs.defaultLogitsByteLimit, 80 << 20, 32 << 20, 8 << 20, 2 << 20]
    /// Bytes that training takes in the process beside plan and kernels: stacks of threads,
    /// compiled products, buffers of files; as measured.
    static let sessionBytes = 8 << 20

    /// The plan for one choice.
    /// - Parameter trainedCount: rows of the head; nil: as many as tokens, the worst case.
    package func plan(_ model: LanguageModel, _ choice: JobPlan.Choice, trainedCount: Int? = nil) throws -> JobPlan {
        try plan(model, choice, layout: layout(model), countsWorkspace: true, trainedCount: trainedCount)
    }

    private func layout(_ model: LanguageModel) throws -> PersistentLayout {
        try Programs(model: model, optimizer: optimizer, objective: objective).divided(rank: rank, of: processes)
            .layout(within: device.limits)
    }

    private func plan(
        _ model: LanguageModel, _ choice: JobPlan.Choice, layout: PersistentLayout, countsWorkspace: Bool, trainedCount: Int? = nil
    ) throws -> JobPlan {
        let programs = programs(model, choice)
        let planner = Planner(limits: device.limits, layout: layout)
        let size = ProgramSize(tokenCount: choice.tokenCount, trainedCount: trainedCount ?? choice.tokenCount)
        func plan(_ program: ProgramKey) throws -> Plan {
            try self.plans.plan(CandidateKey(self, model, program, choice)) { try planner.plan(programs.graph(program)) }
        }
        let gradients = try plan(.gradients(size))
        var plans = [gradients]
        // The forward pass alone needs less than the one that keeps it for its gradients; the least
        // that fits is counted whole.
        if countsWorkspace {
            plans += [try plan(.evaluation(size)), try plan(.update)]
            if programs.shares?.own.isEmpty == false { plans.append(try plan(.squares)) }
            if programs.asksForLikelihoods { plans.append(try plan(.likelihood(size))) }
        }
        let teacherFigures = try teacher.map { try teachers.figures($0, size, on: device) }
        var workspaceBytes = teacherFigures?.workspaceByteCount ?? 0
        if countsWorkspace {
            for plan in plans { workspaceBytes = max(workspaceBytes, try device.workspaceByteCount(plan, layout: layout)) }
        }
        let kept = min(max(1, programCount), ProgramMemory.limit(callCount: gradients.calls.count))
        let teacherCalls = (teacherFigures?.kernelCalls ?? 0) * kept
        let calls = plans.reduce(0) { $0 + $1.calls.count } + (kept - 1) * gradients.calls.count + teacherCalls
        var found = JobPlan(
            choice: choice, size: size, arenaBytes: ProgramMemory.arenaBlocks(of: plans).reduce(0, +),
            persistentBytes: layout.allocatedByteCount, mappedBytes: layout.mappedByteCount,
            exchangeBytes: plans.reduce(0) { $0 + $1.exchangeByteCount }, workspaceBytes: workspaceBytes,
            programBytes: programBytes == 0 ? 0 : programBytes + Self.sessionBytes + calls * ProgramMemory.bytesPerCall,
            floatingPointOperations: gradients.cost.floatingPointOperations + (teacherFigures?.floatingPointOperations ?? 0),
            kernelCalls: gradients.calls.count + (teacherFigures?.kernelCalls ?? 0))
        found.teacherBytes = teacherFigures?.byteCount ?? 0
        found.laneBytes = LaneGradients.byteCount(model.trainables, lanes, processes: processes, isDivided: programs.shares != nil)
        return found
    }

    /// What each of the processes needs that carry the lanes, by how many there are. But for the
    /// optimizer's state and the sums of lanes that is what one process alone needs.
    /// - Parameter plan: of this planner.
    private func divisions(of model: LanguageModel, _ plan: JobPlan) -> [PlanFigures.Division] {
        let layout = model.trainables
        func stateBytes(_ rank: Int, of processes: Int) -> Int {
            let states = layout.pageTensors(optimizer.stateKinds)
            guard processes > 1, case .full = model.training else { return states.reduce(0) { $0 + $1.type.byteCount } }
            let shares = PageShares(layout, optimizer.stateKinds, rank: rank, count: processes)
            return states.reduce(0) { $0 + (shares.absentPages.contains($1.key) ? 0 : $1.type.byteCount) }
        }
        let own = stateBytes(rank, of: processes)
        if lanes.count == 1 { return [] }
        return lanes.processCounts.map { count in
            let states = (0..<count).map { stateBytes($0, of: count) }.max() ?? own
            let sums = LaneGradients.byteCount(layout, lanes, processes: count, isDivided: dividesState)
            let shared = plan.programBytes > 0 ? sums - plan.laneBytes : 0
            return PlanFigures.Division(
                processes: count, persistentBytes: plan.persistentBytes - own + states, laneBytes: sums,
                peakBytes: plan.peakBytes - own + states + shared)
        }
    }

    /// The fastest choice that fits one process. A job keeps its choice for life, whatever carries
    /// it, so the number of processes has no say in it; but where one process cannot hold a model
    /// that is trained as a whole, the choice is that of as few as can.
    /// - Parameters: as of ``search(_:batchTokens:longestExample:model:)``.
    ///   - kept: what the job has trained with so far, which is taken if it fits and nothing else
    ///     is.
    /// - Returns: the plan of this process.
    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)``.
    package func choose(
        _ formats: [BaseWeights], batchTokens: Int, longestExample: Int, keeping kept: JobPlan.Choice? = nil,
        model make: (BaseWeights) throws -> LanguageModel
    ) throws -> (model: LanguageModel, plan: JobPlan) {
        if let kept {
            let model = try make(kept.baseWeights)
            var plan = try self.plan(model, kept)
            plan.divisions = divisions(of: model, plan)
            if plan.peakBytes <= byteLimit ?? .max { return (model, plan) }
            let more = plan.divisions.last { $0.processes > processes && $0.peakBytes <= byteLimit ?? .max }
            let devices = more.map { ", or give it \($0.processes) devices or hosts, which each need \(Self.mebibytes($0.peakBytes)) MiB" }
            throw TrainingError.doesNotFit(
                needed: plan.peakBytes, available: byteLimit ?? 0,
                advice: "a job that has begun keeps its micro-batches and formats: raise memory_limit, or submit it anew" + (devices ?? ""))
        }
        var trouble: (any Error)?
        for count in lanes.processCounts.reversed() {
            var planner = self
            (planner.rank, planner.processes) = (0, count)
            do {
                let (model, found) = try planner.search(formats, batchTokens: batchTokens, longestExample: longestExample, model: make)
                var plan = try count == processes && rank == 0 ? found : self.plan(model, found.choice)
                plan.divisions = divisions(of: model, plan)
                plan.leastProcesses = count
                return (model, plan)
            } catch let error as TrainingError {
                guard case .doesNotFit = error, dividesState else { throw error }
                if trouble == nil { trouble = error }
            }
        }
        throw trouble ?? TrainingError.doesNotFit(needed: 0, available: byteLimit ?? 0, advice: "raise memory_limit")
    }

    /// The fastest choice that fits: large micro-batches first; then layers are recomputed, as few
    /// as need be; then micro-batches become small and logits few at a time. If nothing fits, the
    /// same with the next format of weights.
    /// - Parameters:
    ///   - formats: of frozen weights, the most exact first.
    ///   - batchTokens: tokens of the largest batch.
    ///   - longestExample: tokens of the longest example, which a micro-batch must hold.
    ///   - make: the model with its frozen weights in a format.
    /// - Throws: ``TrainingError/doesNotFit(needed:available:advice:)``.
    private func search(
        _ formats: [BaseWeights], batchTokens: Int, longestExample: Int, model make: (BaseWeights) throws -> LanguageModel
    ) throws -> (model: LanguageModel, plan: JobPlan) {
        let least = ProgramSize.rounded(longestExample)
        let candidates = Self.tokenCounts(least: least, most: ProgramSize.rounded(batchTokens))
        var smallest: (model: LanguageModel, plan: JobPlan)?
        for format in formats {
            let model = try make(format)
            let layout = try layout(model)
            var search = Search(planner: self, model: model, layout: layout, format: format)
            if let plan = try search.firstFit(candidates) { return (model, plan) }
            if let plan = search.smallest, plan.peakBytes < smallest?.plan.peakBytes ?? .max { smallest = (model, plan) }
        }
        throw TrainingError.doesNotFit(
            needed: smallest?.plan.peakBytes ?? 0, available: byteLimit ?? 0, advice: try advice(smallest, longestExample, formats))
    }

    /// Sizes of micro-batches: half as many tokens each time, down to the longest example.
    static func tokenCounts(least: Int, most: Int) -> [Int] {
        var counts = [max(least, min(most, max(least, preferredTokens)))]
        while let last = counts.last, last / 2 >= least { counts.append(ProgramSize.rounded(last / 2)) }
        if counts.last != least { counts.append(least) }
        return counts
    }

    /// What would have to change.
    private func advice(_ smallest: (model: LanguageModel, plan: JobPlan)?, _ longestExample: Int, _ formats: [BaseWeights]) throws
        -> String
    {
        guard let smallest, let byteLimit else { return "raise memory_limit" }
        let plan = smallest.plan
        var advice =
            "the least possible is \(Self.mebibytes(plan.peakBytes)) MiB (micro-batches of \(plan.size.tokenCount) tokens, all "
            + "\(plan.recomputedLayers) layers recomputed, base_weights \(plan.baseWeights.rawValue)): raise memory_limit to that"
        // The longest example that would fit: memory grows with tokens.
        let layout = try layout(smallest.model)
        var (fits, fails) = (0, plan.size.tokenCount / 64)
        while fails - fits > 1 {
            let middle = (fits + fails) / 2
            var choice = plan.choice
            choice.tokenCount = middle * 64
            let isSmall = try self.plan(smallest.model, choice, layout: layout, countsWorkspace: true).peakBytes <= byteLimit
            if isSmall { fits = middle } else { fails = middle }
        }
        // Both answers of a pair are computed together, and each may have max_length tokens.
        let length = objective.purpose == .pairs ? fits * 32 : fits * 64
        if fits > 0 { advice += ", or lower max_length to \(length) (the longest example has \(longestExample) tokens)" }
        if let teacher, teacher.model.precision.baseWeights != .nf4 { advice += ", or set method.distillation.teacher_weights to nf4" }
        if case .adapter(let settings, _) = smallest.model.training {
            if !formats.contains(.nf4) { advice += ", or set base_weights to nf4" }
            if fits == 0, settings.rank > 8 { advice += ", or lower adapter.rank" }
        } else {
            advice += ", or train an adapter (adapter.type lora)"
        }
        return advice
    }

    static func mebibytes(_ bytes: Int) -> Int { (bytes + 1_048_575) / 1_048_576 }

    /// The search among the choices of one format.
    private struct Search {
        let planner: MemoryPlanner
        let model: LanguageModel
        let layout: PersistentLayout
        let format: BaseWeights
        private(set) var smallest: JobPlan?

        init(planner: MemoryPlanner, model: LanguageModel, layout: PersistentLayout, format: BaseWeights) {
            (self.planner, self.model, self.layout, self.format) = (planner, model, layout, format)
        }

        mutating func firstFit(_ candidates: [Int]) throws -> JobPlan? {
            let layers = model.configuration.layerCount
            let efficient = candidates.filter { $0 >= MemoryPlanner.efficientTokens }
            // Fewer logits of a large vocabulary cost less than layers computed twice.
            for tokens in efficient {
                for limit in MemoryPlanner.logitsLimits.prefix(2) { if let plan = try fitting(tokens, 0, limit) { return plan } }
            }
            let tail = (efficient.last.map { [$0] } ?? []) + candidates.filter { $0 < MemoryPlanner.efficientTokens }
            for limit in MemoryPlanner.logitsLimits.dropFirst() {
                for tokens in tail {
                    if tokens < MemoryPlanner.efficientTokens, let plan = try fitting(tokens, 0, limit) { return plan }
                    guard var best = try fitting(tokens, layers, limit) else { continue }
                    // As few layers as need be: what is needed falls with their number.
                    var (fails, fits) = (0, layers)
                    while fits - fails > 1 {
                        let middle = (fails + fits) / 2
                        if let plan = try fitting(tokens, middle, limit) {
                            (best, fits) = (plan, middle)
                        } else {
                            fails = middle
                        }
                    }
                    return best
                }
            }
            return nil
        }

        private mutating func fitting(_ tokens: Int, _ recomputed: Int, _ logits: Int) throws -> JobPlan? {
            let choice = JobPlan.Choice(tokenCount: tokens, recomputedLayers: recomputed, logitsByteLimit: logits, baseWeights: format)
            let limit = planner.byteLimit ?? .max
            // What the kernels need beside takes longer to find out, so it is asked only where the
            // rest fits.
            let quick = try planner.plan(model, choice, layout: layout, countsWorkspace: false)
            if quick.peakBytes > limit {
                if quick.peakBytes < smallest?.peakBytes ?? .max {
                    smallest = try planner.plan(model, choice, layout: layout, countsWorkspace: true)
                }
                return nil
            }
            let whole = try planner.plan(model, choice, layout: layout, countsWorkspace: true)
            if whole.peakBytes <= limit { return whole }
            if whole.peakBytes < smallest?.peakBytes ?? .max { smallest = whole }
            return nil
        }
    }
}
