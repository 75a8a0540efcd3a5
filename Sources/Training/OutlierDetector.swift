import Glibc

/// Tells when a figure of a step is far out of line with those of the steps before: its distance
/// from their mean in standard deviations.
///
/// As llm.c's detector (`outlier_detector.h`), over a window of the last values; nothing is said
/// until the window holds enough of them.
package struct OutlierDetector: Sendable {
    /// Values that are looked back on.
    static let window = 128
    static let fewest = 32
    /// Standard deviations above the mean from which on a value is out of line. Falling figures are
    /// what training is for.
    package static let threshold = 6.0
    private var values: [Double] = []
    private var next = 0

    package init() {}

    /// - Returns: how many standard deviations the value lies above the mean of those before it, if
    ///   that is out of line.
    package mutating func add(_ value: Double) -> Double? {
        guard value.isFinite else { return nil }
        defer { remember(value) }
        guard values.count >= Self.fewest else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        // Values that hardly differ make any change look large: less than a hundredth of the mean
        // is never out of line.
        let deviation = max(variance.squareRoot(), abs(mean) * 0.01 / Self.threshold)
        let score = deviation > 0 ? (value - mean) / deviation : 0
        return score > Self.threshold ? score : nil
    }

    private mutating func remember(_ value: Double) {
        if values.count < Self.window {
            values.append(value)
        } else {
            values[next] = value
            next = (next + 1) % Self.window
        }
    }
}
