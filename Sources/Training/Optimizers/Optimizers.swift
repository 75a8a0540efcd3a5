/// The optimizers that a job may name.
package enum Optimizers {
    package static let all: [any Optimizer.Type] = [
        AdamWOptimizer.self, LionOptimizer.self, SGDOptimizer.self, AdafactorOptimizer.self, MuonOptimizer.self, AdamW8BitOptimizer.self,
    ]

    /// The optimizer of a name with a manifest's numbers.
    /// - Throws: ``TrainingError/unknownName(key:name:known:)``.
    package static func named(_ name: String, numbers: [String: Double]) throws(TrainingError) -> any Optimizer {
        guard let type = all.first(where: { $0.name == name }) else {
            throw .unknownName(key: "optimizer.type", name: name, known: all.map { $0.name })
        }
        return type.init(numbers: numbers)
    }
}
