/// A line of `metrics.csv`.
package struct MetricsRow: Sendable, Hashable {
    package static let header =
        "step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy,full_valid_loss,full_valid_mean_token_accuracy,learning_rate,grad_norm,trained_tokens,tokens_per_second,useful_token_share"

    package var step: Int
    package var trainLoss: Double
    package var trainAccuracy: Double
    /// One validation batch at this step.
    package var validLoss: Double?
    package var validAccuracy: Double?
    /// The whole validation set, at the end of an epoch.
    package var fullValidLoss: Double?
    package var fullValidAccuracy: Double?
    package var learningRate: Double
    package var gradientNorm: Double
    /// Trained tokens of all steps so far.
    package var trainedTokens: Int
    package var tokensPerSecond: Double
    /// Tokens of the examples over rows that were computed.
    package var packingEfficiency: Double
    /// Figures of columns that only some jobs have, in the order of the file's header.
    package var others: [Double?] = []

    /// The first line of the file.
    /// - Parameter others: columns that only some jobs have.
    package static func header(with others: [String]) -> String { ([header] + others).joined(separator: ",") }

    package init(
        step: Int, trainLoss: Double, trainAccuracy: Double, learningRate: Double, gradientNorm: Double, trainedTokens: Int,
        tokensPerSecond: Double, packingEfficiency: Double = 1
    ) {
        self.step = step
        self.trainLoss = trainLoss
        self.trainAccuracy = trainAccuracy
        self.learningRate = learningRate
        self.gradientNorm = gradientNorm
        self.trainedTokens = trainedTokens
        self.tokensPerSecond = tokensPerSecond
        self.packingEfficiency = packingEfficiency
    }

    /// The line without its end. Numbers are written so that reading them gives the same bits.
    package var line: String {
        func text(_ number: Double?) -> String { number.map { "\($0)" } ?? "" }
        let speed = (tokensPerSecond * 10).rounded() / 10
        let fields = [
            "\(step)", text(trainLoss), text(trainAccuracy), text(validLoss), text(validAccuracy), text(fullValidLoss),
            text(fullValidAccuracy),
            text(learningRate), text(gradientNorm), "\(trainedTokens)", "\(speed)", "\((packingEfficiency * 10_000).rounded() / 10_000)",
        ]
        return (fields + others.map(text)).joined(separator: ",")
    }

    /// Reads a line that ``line`` wrote; nil if it is none, or only a part of one.
    package init?(line: some StringProtocol) {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count >= Self.header.split(separator: ",").count, let step = Int(fields[0]), let loss = Double(fields[1]),
            let accuracy = Double(fields[2]), let rate = Double(fields[7]), let norm = Double(fields[8]), let tokens = Int(fields[9]),
            let speed = Double(fields[10]), let share = Double(fields[11])
        else { return nil }
        self.init(
            step: step, trainLoss: loss, trainAccuracy: accuracy, learningRate: rate, gradientNorm: norm, trainedTokens: tokens,
            tokensPerSecond: speed, packingEfficiency: share)
        (validLoss, validAccuracy) = (Double(fields[3]), Double(fields[4]))
        (fullValidLoss, fullValidAccuracy) = (Double(fields[5]), Double(fields[6]))
        others = fields.dropFirst(12).map { Double($0) }
    }
}
