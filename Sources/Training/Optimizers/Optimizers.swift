/// The optimizers that a job may name.
package enum Optimizers {
    package static let all: [any Optimizer.Type] = [AdamWOptimizer.self, LionOptimizer.self]

    /// The optimizer of a name with a manifest's numbers, or nil if there is none of that name.
    package static func make(_ name: String, numbers: [String: Double]) -> (any Optimizer)? {
        all.first { $0.name == name }?.init(numbers: numbers)
    }
}
