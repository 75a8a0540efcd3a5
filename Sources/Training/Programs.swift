package import Graph
package import Models
import Runtime
import Tensors

/// The sizes for which a program is built: rows of tokens and rows that the loss looks at.
package struct ProgramSize: Sendable, Hashable {
    package var tokenCount: Int
    package var trainedCount: Int

    package init(tokenCount: Int, trainedCount: Int) {
        self.tokenCount = tokenCount
        self.trainedCount = trainedCount
    }

    /// Both counts rounded up to a multiple of 64, so that few plans serve many batches.
    package init(roundingUp tokenCount: Int, _ trainedCount: Int) {
        self.init(tokenCount: Self.rounded(tokenCount), trainedCount: Self.rounded(trainedCount))
    }

    /// The size that serves a micro-batch: tokens rounded up to a 64th of themselves (a power of
    /// two), so at least 98.4 % of the rows are useful and a doubling of the length needs 64 plans
    /// at most; rows of the head rounded up to 64.
    package init(serving tokenCount: Int, trained trainedCount: Int) {
        var step = 1
        while step < 64, step * 128 <= tokenCount { step *= 2 }
        let rows = max(1, (tokenCount + step - 1) / step * step)
        self.init(tokenCount: rows, trainedCount: min(rows, Self.rounded(trainedCount)))
    }

    package static func rounded(_ count: Int) -> Int { max(64, (count + 63) / 64 * 64) }
}

/// A program of a job, by what it does and for how many tokens.
package enum ProgramKey: Sendable, Hashable {
    /// Forward and backward pass of a micro-batch.
    case gradients(ProgramSize)
    /// Forward pass and loss.
    case evaluation(ProgramSize)
    /// Forward pass and the log-probability of every trained token.
    case likelihood(ProgramSize)
    /// The sums of the squares of the gradients that this process steps, where several step.
    case squares
    /// The optimizer's step.
    case update
}

/// Builds the graphs of a job's programs.
package struct Programs {
    package let model: LanguageModel
    package var optimizer: any Optimizer
    package var objective: any Objective
    /// Layers that are computed a second time in the backward pass.
    package var recomputedLayers: Set<Int>
    /// Bytes of logits that may exist at one time.
    package var logitsByteLimit: Int
    /// What of the optimizer's state this process has; nil: all of it.
    package private(set) var shares: PageShares?

    package static let defaultLogitsByteLimit = 160 << 20

    package init(
        model: LanguageModel, optimizer: any Optimizer, objective: any Objective = SupervisedObjective(),
        recomputedLayers: Set<Int> = [], logitsByteLimit: Int = Programs.defaultLogitsByteLimit
    ) {
        self.model = model
        self.optimizer = optimizer
        self.objective = objective
        self.recomputedLayers = recomputedLayers
        self.logitsByteLimit = logitsByteLimit
    }

    /// The programs that a plan has chosen.
    package init(
        model: LanguageModel, optimizer: any Optimizer, objective: any Objective = SupervisedObjective(), choice: JobPlan.Choice
    ) {
        let layers = model.configuration.layerCount
        self.init(
            model: model, optimizer: optimizer, objective: objective,
            recomputedLayers: Set(max(0, layers - choice.recomputedLayers)..<layers),
            logitsByteLimit: choice.logitsByteLimit)
    }

    /// Divides the optimizer's state among the processes that train together, where they train the
    /// whole model. An adapter has too little of it.
    package func divided(rank: Int, of processes: Int) -> Programs {
        guard processes > 1, case .full = model.training else { return self }
        var programs = self
        programs.shares = PageShares(model.trainables, optimizer.stateKinds, rank: rank, count: processes)
        return programs
    }

    /// Whether log-probabilities are asked for beside losses: before training, or before a batch.
    package var asksForLikelihoods: Bool { ((objective as? any ComparingObjective)?.referenceCount ?? 0) > 0 }

    /// What a program computes.
    package func graph(_ key: ProgramKey) throws -> Graph {
        switch key {
        case .gradients(let size): try gradients(size)
        case .evaluation(let size): try evaluation(size)
        case .likelihood(let size): try evaluation(size, of: SupervisedObjective())
        case .squares: try squares()
        case .update: try update()
        }
    }

    /// Forward and backward pass of one micro-batch: adds to the gradient accumulators, gives what
    /// the objective measures.
    package func gradients(_ size: ProgramSize) throws -> Graph {
        var graph = Graph()
        let (pass, nodeCount) = try addForward(size, isTraining: true, to: &graph)
        guard let hiddenGradient = try objective.addLoss(pass, to: &graph) else { return graph }
        var seeds: [(value: ValueID, gradient: ValueID)] = [(pass.hidden, hiddenGradient)]
        if let balance = pass.forward.routerBalance, let settings = model.configuration.routerLoss {
            // Micro-batches count by their share of the batch, as their tokens do.
            let share = graph.input(ProgramInput.batchShare, TensorType(rows: 1, columns: 1, .float32))
            let loss = RouterLoss(coefficient: Float(settings.coefficient), count: settings.chosenCount)
            let results = try graph.add(loss, [balance, share], names: ["router loss", "d balance"])
            graph.markOutput(results[0], ProgramOutput.routerLoss)
            seeds.append((balance, results[1]))
        }
        return try Differentiation.backward(
            of: graph, nodeCount: nodeCount, seeds: seeds, layout: model.trainables,
            recomputedSegments: recomputedLayers)
    }

    /// Forward pass and loss of one micro-batch, without gradients.
    package func evaluation(_ size: ProgramSize) throws -> Graph { try evaluation(size, of: objective) }

    private func evaluation(_ size: ProgramSize, of objective: any Objective) throws -> Graph {
        var graph = Graph()
        let (pass, _) = try addForward(size, isTraining: false, to: &graph)
        _ = try objective.addLoss(pass, to: &graph)
        graph.removeDeadNodes()
        return graph
    }

    /// One optimizer step: the global norm of all gradients, and the optimizer's step on every page
    /// of parameters.
    package func update() throws -> Graph {
        var graph = Graph()
        let layout = model.trainables
        let scalarCount = optimizer.scalars(step: 1, learningRate: 0).count
        let scalars = layout.rateFactors.map { factor in
            (factor, graph.input(ProgramInput.scalars(at: factor), TensorType(rows: 1, columns: scalarCount, .float32)))
        }
        let all =
            if shares == nil {
                try addSquares(of: layout.pages, to: &graph)
            } else {
                graph.input(ProgramInput.squares, TensorType(rows: layout.pages.count, columns: 1, .float32))
            }
        let clip = try graph.add(ClipFactor(maximumNorm: Float(optimizer.maximumGradientNorm)), [all])[0]
        graph.markOutput(clip, ProgramOutput.norm)
        for page in steppedPages {
            let tensors = ([.parameter] + optimizer.keptKinds).compactMap { layout.tensor(of: page, $0) }
            let values = tensors.map { graph.persistent($0) }
            guard let (_, scalars) = scalars.first(where: { $0.0 == page.rateFactor }) else { continue }
            let result = try optimizer.addStep(
                OptimizerPage(
                    parameter: values[0], gradient: values[1], states: Array(values.dropFirst(2)), clip: clip, scalars: scalars,
                    isDecayed: page.isDecayed, isHiddenMatrix: page.isHiddenMatrix), to: &graph)
            for (value, tensor) in zip([result.parameter, result.gradient] + result.states, tensors) {
                graph.store(value, into: tensor.key)
            }
        }
        return graph
    }

    /// The sum of the squares of each page's gradients, of the pages that this process steps.
    package func squares() throws -> Graph {
        var graph = Graph()
        graph.markOutput(try addSquares(of: steppedPages, to: &graph), ProgramOutput.squares)
        return graph
    }

    /// The pages that this process steps.
    private var steppedPages: [TrainableLayout.Page] {
        shares.map { $0.own.map { model.trainables.pages[$0] } } ?? model.trainables.pages
    }

    private func addSquares(of pages: [TrainableLayout.Page], to graph: inout Graph) throws(GraphError) -> ValueID {
        var sums: [ValueID] = []
        for gradient in pages.compactMap({ model.trainables.tensor(of: $0, .gradient) }) {
            sums.append(try graph.add(SumOfSquares(), [graph.persistent(gradient)], names: ["sum of squares"])[0])
        }
        return try graph.add(ConcatenateRows(), sums, names: ["sums of squares"])[0]
    }

    /// Where everything that the job keeps lies on a device with these limits.
    /// - Throws: ``GraphError/tensorTooLarge(name:byteCount:limit:operation:)``.
    package func layout(within limits: MemoryLimits) throws(GraphError) -> PersistentLayout {
        try model.layout(
            within: limits, keeping: optimizer.keptKinds, with: objective.keptTensors, without: shares?.absentPages ?? [])
    }

    /// Rows of logits above which a longer chunk gains nothing: the head's weight, read once for
    /// each chunk, then costs little beside the products.
    private static let preferredChunkRows = 256

    /// Rows of logits in one chunk.
    func chunkRows(_ size: ProgramSize) -> Int {
        let rows = min(Self.preferredChunkRows, logitsByteLimit / max(1, model.configuration.vocabularySize * 4))
        return max(1, min(size.trainedCount, rows >= 64 ? rows / 64 * 64 : rows))
    }

    /// Adds the model's forward pass and the choice of the rows that the loss looks at.
    /// - Returns: what the loss is made of, and the number of nodes that come before it.
    private func addForward(_ size: ProgramSize, isTraining: Bool, to graph: inout Graph) throws(GraphError) -> (LossPass, nodeCount: Int) {
        let forward = try model.addForward(to: &graph, tokenCount: size.tokenCount, isTraining: isTraining)
        let rows = graph.input(ProgramInput.trainedRows, TensorType(rows: size.trainedCount, columns: 1, .int32))
        graph.currentSegment = nil
        let hidden = try graph.add(GatherRows(), [forward.hidden, rows], names: ["trained hidden"])[0]
        let pass = LossPass(hidden: hidden, forward: forward, model: model, isTraining: isTraining, chunkRows: chunkRows(size))
        return (pass, graph.nodes.count)
    }
}
