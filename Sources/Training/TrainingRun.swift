package import Datasets
import Glibc
import Graph
import Models
package import Ranks

/// What a run is asked to do: which batches, how many steps, when to evaluate and to save.
package struct RunSettings: Sendable, Hashable {
    package var batchSize: Int
    package var totalSteps: Int
    package var schedule: LearningRateSchedule
    package var seed: UInt64
    package var isShuffled: Bool
    /// Nil: at the end of every epoch only.
    package var evaluateEverySteps: Int?
    /// Nil: at the end of every epoch.
    package var checkpointEverySteps: Int?
    /// Whether each evaluation is of the whole validation set, and not of one batch.
    package var evaluatesAll = false
    /// Tokens of a micro-batch.
    package var microBatchTokens: Int
    /// What each step is divided into, whatever processes carry it.
    package var lanes = Lanes(1)

    package init(
        batchSize: Int, totalSteps: Int, schedule: LearningRateSchedule, seed: UInt64, isShuffled: Bool, evaluateEverySteps: Int? = nil,
        checkpointEverySteps: Int? = nil, microBatchTokens: Int
    ) {
        self.batchSize = batchSize
        self.totalSteps = totalSteps
        self.schedule = schedule
        self.seed = seed
        self.isShuffled = isShuffled
        self.evaluateEverySteps = evaluateEverySteps
        self.checkpointEverySteps = checkpointEverySteps
        self.microBatchTokens = microBatchTokens
    }
}

/// What one step gave.
package struct StepResult: Sendable, Hashable {
    /// Counts from 1.
    package var step: Int
    /// Epochs done after this step, as a fraction.
    package var epoch: Double
    package var loss: Double
    package var accuracy: Double
    package var learningRate: Double
    package var gradientNorm: Double
    package var trainedTokens: Int
    package var tokens: Int
    package var seconds: Double
    /// Tokens of the examples over rows that were computed: what is left over fills programs up.
    package var packingEfficiency: Double
    /// One validation batch at this step, where it was time for that.
    package var validation: Measures?
    /// The figures of the objective's own columns, of the step's batch.
    package var figures: [Double?] = []
    /// The whole validation set, at the end of an epoch.
    package var fullValidation: Measures?
    /// What graders gave the answers, where it was time for that; empty otherwise.
    package var grades: [Double?] = []
    /// An evaluation was due at this step and was broken off: ``TrainingRun/evaluateIfDue(_:)``
    /// makes up for it.
    package var lacksEvaluation = false

    package init(
        step: Int, epoch: Double, loss: Double, accuracy: Double, learningRate: Double, gradientNorm: Double, trainedTokens: Int,
        tokens: Int,
        seconds: Double, packingEfficiency: Double = 1
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.accuracy = accuracy
        self.learningRate = learningRate
        self.gradientNorm = gradientNorm
        self.trainedTokens = trainedTokens
        self.tokens = tokens
        self.seconds = seconds
        self.packingEfficiency = packingEfficiency
    }
}

/// The loop: which examples each step takes, evaluation, and the places where a run can stop and go
/// on.
///
/// A run has no state but the number of steps done: order, batches, rates and random numbers all
/// follow from it, so a resumed run does what the unbroken one would have done.
package final class TrainingRun {
    package let session: TrainingSession
    package let training: Dataset
    package let validation: Dataset?
    package let settings: RunSettings
    package private(set) var stepsDone: Int
    /// The processes that carry the run's lanes.
    package let group: any RankGroup
    /// False while the processes of the group do something together.
    var isAtRest = true
    private(set) lazy var gradients = LaneGradients(session, laneCount: ownLanes.count, group)
    /// Asked several times a second while the device computes, also in evaluation, but not in the
    /// update: true breaks off what is being done.
    package var isCancelled: () -> Bool = { false } {
        didSet { session.isCancelled = isCancelled }
    }

    /// Has the model's answers judged at regular checkpoints, where that is asked for: the mean of
    /// each grader, or nil if it was broken off.
    package var grade: (() throws -> [Double]?)?
    /// How many columns of a row hold what ``grade`` gives.
    package var gradeCount = 0

    /// - Parameter group: this process's, whose number is one of the lanes'
    ///   ``Lanes/processCounts``.
    package init(
        session: TrainingSession, training: Dataset, validation: Dataset?, settings: RunSettings, stepsDone: Int = 0,
        group: any RankGroup = SingleRank()
    ) {
        self.group = group
        self.session = session
        self.training = training
        self.validation = validation
        self.settings = settings
        self.stepsDone = stepsDone
    }

    package static func stepsPerEpoch(examples: Int, batchSize: Int) -> Int { (examples + batchSize - 1) / max(1, batchSize) }

    package var stepsPerEpoch: Int { Self.stepsPerEpoch(examples: training.count, batchSize: settings.batchSize) }
    package var isFinished: Bool { stepsDone >= settings.totalSteps || endsEarly }

    /// Whether the run ends with the step just done, whatever steps were asked for.
    private var endsEarly = false

    package func endEarly() { endsEarly = true }

    /// Takes over from where another process's run stands.
    func begin(at step: Int) { stepsDone = step }

    /// Whether the step just done ends an epoch or the run.
    package var isAtEpochEnd: Bool { stepsDone % stepsPerEpoch == 0 || isFinished }

    package var isCheckpointDue: Bool {
        if let every = settings.checkpointEverySteps { return stepsDone % every == 0 || isFinished }
        return isAtEpochEnd
    }

    /// The examples of a step, by their places in the dataset.
    func examples(ofStep index: Int) -> [Int] { Self.examples(ofStep: index, count: training.count, settings: settings) }

    /// The examples of a step, counted from 0, among `count`, by their places.
    package static func examples(ofStep index: Int, count: Int, settings: RunSettings) -> [Int] {
        let stepsPerEpoch = max(1, stepsPerEpoch(examples: count, batchSize: settings.batchSize))
        let epoch = index / stepsPerEpoch
        let order = ExampleOrder(count: count, seed: settings.seed, epoch: epoch, isShuffled: settings.isShuffled)
        let first = index % stepsPerEpoch * settings.batchSize
        return (first..<max(first, min(first + settings.batchSize, count))).map { order.example(at: $0) }
    }

    /// The numbers in the training file, counted from 1, of a step's examples.
    package func lines(ofStep index: Int) -> [Int] { examples(ofStep: index).map { training.line(of: $0) } }

    /// Does the next step and the evaluation that is due after it.
    /// - Returns: nil if the step was broken off before it changed anything but gradients; the
    ///   session is then of no use for further steps.
    /// - Throws: ``TrainingError/notFinite(step:loss:gradientNorm:examples:)``, and what the device
    ///   throws.
    package func step() throws -> StepResult? {
        guard var result = try advance() else { return nil }
        try evaluateIfDue(&result)
        return result
    }

    /// Does the next step alone.
    /// - Returns: as ``step()``.
    package func advance() throws -> StepResult? {
        let start = Self.now()
        let indices = examples(ofStep: stepsDone)
        let samples = indices.map { training.sample($0) }
        let weight = samples.reduce(0) { $0 + session.programs.objective.weight(of: $1) }
        try group.announce(RankOrder.step(stepsDone).bytes)
        let found = try together {
            guard let batchNumbers = try batchNumbers(of: indices, in: training) else { return nil }
            return try addGradients(of: samples, batchNumbers, weight: weight)
        }
        guard let found else { return nil }
        if lanes.count > 1 { try gradients.giveBack() }
        let sum = found.measures
        let tokens = samples.reduce(0) { $0 + $1.size.tokenCount }
        let trainedTokens = samples.reduce(0) { $0 + $1.size.trainedTokenCount }
        let scheduled = settings.schedule.rate(stepsDone: stepsDone)
        let rate = session.programs.optimizer.rate(step: stepsDone + 1, scheduled: scheduled)
        let norm = try update(learningRate: rate, step: stepsDone + 1)
        try confirm(norm: norm, step: stepsDone + 1)
        guard sum.meanLoss.isFinite, norm.isFinite else {
            throw TrainingError.notFinite(
                step: stepsDone + 1, loss: sum.meanLoss, gradientNorm: norm, examples: indices.map { training.line(of: $0) })
        }
        stepsDone += 1
        let seconds = Self.now() - start
        var result = StepResult(
            step: stepsDone, epoch: Double(stepsDone) / Double(stepsPerEpoch), loss: sum.meanLoss, accuracy: sum.accuracy,
            learningRate: rate, gradientNorm: norm,
            trainedTokens: trainedTokens, tokens: tokens, seconds: seconds, packingEfficiency: Double(tokens) / Double(max(1, found.rows)))
        result.figures = session.programs.objective.stepFigures(sum)
        return result
    }

    /// Whether an evaluation is due after the step just done.
    package var isEvaluationDue: Bool {
        validation != nil && (isAtEpochEnd || isGradingDue || settings.evaluateEverySteps.map { stepsDone % $0 == 0 } ?? false)
    }

    private var isGradingDue: Bool { grade != nil && isCheckpointDue }

    /// Does the evaluation that is due after the step just done, if one is.
    package func evaluateIfDue(_ result: inout StepResult) throws {
        result.lacksEvaluation = false
        guard validation != nil else { return }
        if isAtEpochEnd || settings.evaluatesAll && isEvaluationDue {
            result.fullValidation = try evaluation()
            result.lacksEvaluation = result.fullValidation == nil
        } else if let every = settings.evaluateEverySteps, stepsDone % every == 0 {
            result.validation = try evaluation(firstOnly: settings.batchSize, rotation: stepsDone / every)
            result.lacksEvaluation = result.validation == nil
        }
        guard isGradingDue, let grade, !result.lacksEvaluation else { return }
        guard let grades = try grade() else {
            result.lacksEvaluation = true
            return
        }
        result.grades = grades
    }

    /// Loss and accuracy over the validation examples.
    /// - Parameters:
    ///   - firstOnly: only as many examples, beginning where `rotation` says; nil: all.
    /// - Returns: nil if it was broken off.
    package func evaluation(firstOnly limit: Int? = nil, rotation: Int = 0) throws -> Measures? {
        guard let validation, validation.count > 0 else { return Measures() }
        let count = min(limit ?? validation.count, validation.count)
        let start = limit == nil ? 0 : rotation * count % validation.count
        try group.announce(RankOrder.evaluation(limit: limit, rotation: rotation).bytes)
        return try laneLoss(of: (0..<count).map { (start + $0) % validation.count }, in: validation)
    }

    /// What this process alone measures.
    /// - Returns: nil if it was broken off.
    func loss(of indices: [Int], in data: Dataset) throws -> Measures? {
        var sum = Measures()
        guard let batchNumbers = try batchNumbers(of: indices, in: data) else { return nil }
        for members in composed(indices.map { data.sample($0) }) {
            if isCancelled() { return nil }
            do { sum += try session.evaluate(packed(members, batchNumbers, isTraining: false)) } catch is Cancelled { return nil }
        }
        return sum
    }

    /// The samples of each micro-batch.
    func composed(_ samples: [Sample]) -> [[Sample]] {
        StepComposer(tokenLimit: settings.microBatchTokens).microBatches(lengths: samples.map(\.size.tokenCount)).map { places in
            places.map { samples[$0] }
        }
    }

    /// A micro-batch packed for a program of the session. One is packed when it is its turn: so the
    /// plan that its size may need is prepared before the next is made.
    func packed(_ members: [Sample], _ batchNumbers: [Float], isTraining: Bool) -> PackedBatch {
        let (model, objective) = (session.programs.model, session.programs.objective)
        let size = session.size(
            tokens: members.reduce(0) { $0 + $1.size.tokenCount }, trained: members.reduce(0) { $0 + objective.lossRowCount(of: $1.size) },
            isTraining: isTraining)
        var batch = PackedBatch(
            members, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount,
            window: model.configuration.slidingWindow, rotary: model.rotaryRows)
        batch.batchNumbers = batchNumbers
        return batch
    }

    /// Seconds of the monotonic clock.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
