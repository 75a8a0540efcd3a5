import Datasets
package import Manifest
package import Training

/// What is known of a job before its first step, as far as a careful person would look at it.
package struct JobFigures: Sendable {
    /// With everything decided that it left open.
    package var manifest: Manifest
    package var schedule: LearningRateSchedule
    package var batchSize: Int
    package var exampleCount: Int
    package var tokenCount: Int
    package var trainedTokenCount: Int
    /// Validation examples that stand in the training data too, and lines of the first of them: its
    /// own and the other's.
    package var leakedCount = 0
    package var leakedLines: (line: Int, first: Int)?

    package init(
        manifest: Manifest, schedule: LearningRateSchedule, batchSize: Int, exampleCount: Int, tokenCount: Int, trainedTokenCount: Int
    ) {
        self.manifest = manifest
        self.schedule = schedule
        self.batchSize = batchSize
        self.exampleCount = exampleCount
        self.tokenCount = tokenCount
        self.trainedTokenCount = trainedTokenCount
    }

    package var stepCount: Int { schedule.totalSteps }

    /// Examples that are seen in the whole run, each as often as it is seen.
    package var seenCount: Int { stepCount.multipliedReportingOverflow(by: min(batchSize, exampleCount)).partialValue }

    /// What the report of a file says of examples that stand on both sides.
    mutating func add(_ report: ValidationReport) {
        leakedCount += report.leakedCount ?? 0
        if leakedLines == nil, let lines = report.leakedLines.first, lines.count == 2 { leakedLines = (lines[0], lines[1]) }
    }
}
