extension WarningRule {
    static let batchExceedsExamples = WarningRule(code: "batch_exceeds_examples", param: "batch_size") { figures in
        guard figures.batchSize > figures.exampleCount else { return nil }
        return "batch_size \(figures.batchSize) is above the number of examples: every step takes all \(figures.exampleCount) of them"
    }

    /// Examples that a run should see at least, counting each as often as it is seen.
    private static let fewExamples = 50

    static let fewExamplesSeen = WarningRule(code: "few_examples_seen", param: "n_epochs") { figures in
        guard figures.seenCount < fewExamples else { return nil }
        return "the whole run sees \(figures.seenCount) examples (\(figures.exampleCount) in the file): too few to change a model's ways"
    }

    static let leakedExamples = WarningRule(code: "leaked_examples", param: "validation_file") { figures in
        guard figures.leakedCount > 0 else { return nil }
        let (count, verb) =
            figures.leakedCount == 1 ? ("1 validation example", "is") : ("\(figures.leakedCount) validation examples", "are")
        let place = figures.leakedLines.map { " (line \($0.line) as line \($0.first))" } ?? ""
        return "\(count) \(verb) in the training data too\(place): the validation loss will flatter the model"
    }

    static let fewTrainedTokens = WarningRule(code: "few_trained_tokens", param: "train_on") { figures in
        guard figures.tokenCount > 0, figures.trainedTokenCount * 100 < figures.tokenCount else { return nil }
        let share = Double(figures.trainedTokenCount) / Double(figures.tokenCount) * 100
        return
            "\(short(share)) % of the tokens are trained (\(figures.trainedTokenCount) of \(figures.tokenCount)): look at what --show marks"
    }
}
