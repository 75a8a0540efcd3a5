package import Jobs

/// Watches the steps of a run, one subject a watcher. What it throws ends the run.
package protocol StepObserver: AnyObject {
    /// A step begins; where it is not new only its evaluation is still to be done.
    func stepBegins(_ number: Int, isNew: Bool) throws
    /// The device has stopped computing a step or an evaluation, at its end or because it was told
    /// to.
    func deviceReturned() throws
    /// The parameters are those after the step, whose evaluation is still open.
    func parametersChanged(by step: StepResult, isNew: Bool) throws
    /// The step's evaluation begins.
    func evaluationBegins(of step: StepResult) throws
    /// The step is whole, with its evaluation.
    func stepEnded(_ step: StepResult, row: MetricsRow) throws
    /// Asked after each step, of every watcher in turn until one says so: whether the loop is to
    /// end here.
    func mustStop(after step: StepResult, row: MetricsRow) throws -> Bool
}

extension StepObserver {
    package func stepBegins(_ number: Int, isNew: Bool) throws {}
    package func deviceReturned() throws {}
    package func parametersChanged(by step: StepResult, isNew: Bool) throws {}
    package func evaluationBegins(of step: StepResult) throws {}
    package func stepEnded(_ step: StepResult, row: MetricsRow) throws {}
    package func mustStop(after step: StepResult, row: MetricsRow) throws -> Bool { false }
}

/// The steps of a run, one after another, with those who watch them.
///
/// The loop keeps what a checkpoint needs to go on (``state``) and tells every watcher in its order
/// what has happened; it knows nothing of files.
package final class StepLoop {
    package enum End: Sendable, Hashable {
        /// All steps are done.
        case finished
        /// A step was broken off: nothing of it counts, ``StepLoop/state`` is that of the step
        /// before.
        case stepBrokenOff
        /// The step counts, but its evaluation was broken off and stands open in
        /// ``StepLoop/state``.
        case evaluationBrokenOff
        /// A watcher wanted it.
        case stopped
    }

    package let run: TrainingRun
    private let observers: [any StepObserver]
    /// After the last whole step, or after one whose evaluation is open.
    package private(set) var state: CheckpointState
    /// The figures of that step; nil before the first.
    package private(set) var lastRow: MetricsRow?

    /// - Parameters:
    ///   - state: where the run stands, as a checkpoint says.
    ///   - lastRow: the figures of the last step done so far.
    package init(_ run: TrainingRun, from state: CheckpointState, lastRow: MetricsRow?, observers: [any StepObserver]) {
        self.run = run
        self.state = state
        self.lastRow = lastRow
        self.observers = observers
    }

    /// Steps until the run ends or somebody wants it to.
    /// - Throws: what the run or a watcher throws.
    package func steps() throws -> End {
        // An evaluation that was broken off comes first.
        var open = state.pendingEvaluation.map {
            StepResult($0, stepsPerEpoch: run.stepsPerEpoch, columnCount: run.session.programs.objective.stepColumns.count)
        }
        while !run.isFinished || open != nil {
            let isNew = open == nil
            let number = open?.step ?? state.step + 1
            try tell { try $0.stepBegins(number, isNew: isNew) }
            let computed = try open ?? run.advance()
            open = nil
            try tell { try $0.deviceReturned() }
            guard var step = computed else { return .stepBrokenOff }
            state.step = step.step
            if isNew { state.trainedTokens += step.trainedTokens }
            note(step)
            let isEvaluated = run.isEvaluationDue
            state.pendingEvaluation = isEvaluated ? lastRow : nil
            try tell { try $0.parametersChanged(by: step, isNew: isNew) }
            if isEvaluated { try tell { try $0.evaluationBegins(of: step) } }
            try run.evaluateIfDue(&step)
            try tell { try $0.deviceReturned() }
            if step.lacksEvaluation { return .evaluationBrokenOff }
            state.pendingEvaluation = nil
            let row = note(step)
            try tell { try $0.stepEnded(step, row: row) }
            for observer in observers where try observer.mustStop(after: step, row: row) { return .stopped }
        }
        return .finished
    }

    @discardableResult private func note(_ step: StepResult) -> MetricsRow {
        let row = MetricsRow(
            step, trainedTokens: state.trainedTokens, of: run.session.programs.objective, gradeCount: run.gradeCount)
        lastRow = row
        return row
    }

    private func tell(_ body: (any StepObserver) throws -> Void) rethrows { for observer in observers { try body(observer) } }
}

extension MetricsRow {
    init(_ step: StepResult, trainedTokens: Int, of objective: any Objective, gradeCount: Int) {
        self.init(
            step: step.step, trainLoss: step.loss, trainAccuracy: step.accuracy, learningRate: step.learningRate,
            gradientNorm: step.gradientNorm, trainedTokens: trainedTokens, tokensPerSecond: step.tokensPerSecond,
            packingEfficiency: step.packingEfficiency)
        (validLoss, validAccuracy) = (step.validation?.meanLoss, step.validation?.accuracy)
        (fullValidLoss, fullValidAccuracy) = (step.fullValidation?.meanLoss, step.fullValidation?.accuracy)
        let none = [Double?](repeating: nil, count: objective.columns.count)
        let figures: [Double?] = step.figures.isEmpty ? objective.stepColumns.map { _ in nil } : step.figures
        others =
            figures + (step.validation.map { objective.figures($0) } ?? none)
            + (step.fullValidation.map { objective.figures($0) } ?? none)
            + (step.grades.isEmpty ? [Double?](repeating: nil, count: gradeCount) : step.grades)
    }

    /// The names of ``others`` for an objective: its columns, of the batch, of a validation batch,
    /// of the whole validation set, and those of graders.
    package static func otherColumns(of objective: any Objective, grades: [String]) -> [String] {
        objective.stepColumns + ["valid_", "full_valid_"].flatMap { prefix in objective.columns.map { prefix + $0 } } + grades
    }
}

extension StepResult {
    package var tokensPerSecond: Double { Double(tokens) / max(1e-9, seconds) }

    /// The result of a step whose evaluation was broken off in an earlier run and is still to be
    /// done.
    /// - Parameter columnCount: columns that the objective has of its own.
    init(_ row: MetricsRow, stepsPerEpoch: Int, columnCount: Int) {
        self.init(
            step: row.step, epoch: Double(row.step) / Double(max(1, stepsPerEpoch)), loss: row.trainLoss, accuracy: row.trainAccuracy,
            learningRate: row.learningRate, gradientNorm: row.gradientNorm, trainedTokens: 0, tokens: Int(row.tokensPerSecond), seconds: 1,
            packingEfficiency: row.packingEfficiency)
        figures = Array(row.others.prefix(columnCount))
    }
}
