package import Tokenization

/// What training takes from one record: token runs, and what is said of them.
package struct Sample: Sendable, Hashable {
    /// One or more sequences of tokens, none of which sees another: an answer, or a preferred and a
    /// rejected one.
    package var runs: [TokenizedExample]
    /// What the sample counts beside others.
    package var weight: Float
    /// The numbers of the classes that it belongs to; nil where nothing is said of classes.
    package var labels: [Int]?
    /// What a model said of it before training, where the loss compares with that:
    /// log-probabilities of the trained tokens of runs.
    package var references: [Double]?

    package init(_ runs: [TokenizedExample], weight: Float = 1, labels: [Int]? = nil) {
        self.runs = runs
        self.weight = weight
        self.labels = labels
    }

    /// A sample of one run.
    package init(ids: [Int32], isTrained: [Bool]) { self.init([TokenizedExample(ids: ids, isTrained: isTrained)]) }

    /// Whether some tokens count more than others.
    package var hasTokenWeights: Bool { runs.contains { $0.weights != nil } }

    /// The sum of what the trained tokens count.
    package var trainedWeight: Double { runs.reduce(0) { $0 + $1.trainedWeight } }

    /// What each trained token counts, run by run; nil where all count alike.
    package var trainedWeights: [Float]? {
        guard hasTokenWeights else { return nil }
        return runs.flatMap { run in
            run.ids.indices.dropFirst().compactMap { run.isTrained[$0] ? run.weights?[$0] ?? 1 : nil }
        }
    }

    package var size: SampleSize {
        SampleSize(
            tokenCount: runs.reduce(0) { $0 + $1.ids.count }, trainedTokenCount: runs.reduce(0) { $0 + $1.trainedTokenCount },
            runCount: runs.count)
    }
}

/// How much there is in a sample, known without reading its tokens.
package struct SampleSize: Sendable, Hashable {
    /// Tokens of all runs.
    package var tokenCount: Int
    /// Tokens that the loss counts; the first of a run is never predicted.
    package var trainedTokenCount: Int
    package var runCount: Int

    package init(tokenCount: Int, trainedTokenCount: Int, runCount: Int = 1) {
        self.tokenCount = tokenCount
        self.trainedTokenCount = trainedTokenCount
        self.runCount = runCount
    }
}
