import Synchronization

/// Counts the steps of many renderings. Any number of threads may use one.
package final class TemplateStepCounter: Sendable {
    private let steps = Atomic<Int>(0)

    package init() {}

    package var count: Int { steps.load(ordering: .relaxed) }
    package func add(_ count: Int) { steps.wrappingAdd(count, ordering: .relaxed) }
}
