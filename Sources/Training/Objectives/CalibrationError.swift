import Glibc

/// How far a classifier's probabilities are from how often it is right.
package enum CalibrationError {
    /// Bins of equal width from 0 to 1.
    static let binCount = 15

    /// The expected calibration error (Guo et al. 2017, arXiv:1706.04599): samples are put into
    /// bins by the probability of the class that was found, and the distance between the mean
    /// probability and the share of right ones is averaged over samples.
    package static func expected(of samples: [Measures.Scored]) -> Double {
        var bins = [(confidence: Double, right: Double, count: Double)](repeating: (0, 0, 0), count: binCount)
        for sample in samples {
            let found = ClassificationObjective.largest(sample.logits)
            let confidence = softmax(sample.logits)[found]
            // A bin holds its upper edge.
            let bin = min(binCount - 1, max(0, Int((confidence * Double(binCount)).rounded(.up)) - 1))
            bins[bin].confidence += confidence
            bins[bin].right += sample.labels.first == found ? 1 : 0
            bins[bin].count += 1
        }
        let distance = bins.reduce(0) { $0 + abs($1.confidence - $1.right) }
        return samples.isEmpty ? 0 : distance / Double(samples.count)
    }

    /// Probabilities that add up to 1.
    static func softmax(_ logits: [Float]) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let powers = logits.map { exp(Double($0) - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
