/// Which evaluation was the best so far, and whether the run no longer gets better: transformers'
/// rule.
///
/// The counter goes to 0 where a value is better than the best earlier one by more than the
/// threshold, or is the first; otherwise it goes up by one. The best value moves on any gain.
package struct SelectionRule: Sendable, Hashable {
    package let isGreaterBetter: Bool
    /// Nil: the run is not ended early.
    package let patience: Int?
    package let threshold: Double
    package private(set) var counter = 0
    package private(set) var best: (step: Int, value: Double)?

    package init(isGreaterBetter: Bool, patience: Int? = nil, threshold: Double = 0) {
        (self.isGreaterBetter, self.patience, self.threshold) = (isGreaterBetter, patience, threshold)
    }

    /// Takes the value of the evaluation after a step.
    /// - Returns: whether it is the best so far.
    @discardableResult package mutating func add(_ value: Double, step: Int) -> Bool {
        let gain = best.map { isGreaterBetter ? value - $0.value : $0.value - value }
        counter = gain.map { $0 > threshold } ?? true ? 0 : counter + 1
        // A value that is no number is never the best.
        guard !value.isNaN, gain.map({ $0 > 0 }) ?? true else { return false }
        best = (step, value)
        return true
    }

    package var isExhausted: Bool { patience.map { counter >= $0 } ?? false }

    package static func == (left: SelectionRule, right: SelectionRule) -> Bool {
        left.isGreaterBetter == right.isGreaterBetter && left.patience == right.patience && left.threshold == right.threshold
            && left.counter == right.counter && left.best?.step == right.best?.step && left.best?.value == right.best?.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(counter)
        hasher.combine(best?.step)
    }
}
