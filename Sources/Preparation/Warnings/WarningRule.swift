/// A question that is asked of every job. Another one is a file and a line of the list.
package struct WarningRule: Sendable {
    /// A stable word for programs.
    package let code: String
    /// The manifest's key that would mend it.
    let param: String?
    /// What is to be said of a job, or nil.
    let message: @Sendable (JobFigures) -> String?

    package static let all: [WarningRule] = [
        .warmupTooLong, .learningRateZero, .learningRateUnusual, .alphaZero, .batchExceedsExamples, .fewExamplesSeen, .leakedExamples,
        .fewTrainedTokens,
    ]

    /// What there is to say of a job, in the order of the list.
    package static func warnings(_ figures: JobFigures) -> [JobWarning] {
        all.compactMap { rule in
            rule.message(figures).map { JobWarning(code: rule.code, message: $0, param: rule.param) }
        }
    }
}
