import JSON

extension Manifest {
    /// The optimizer of a job. Each has its own file; this is their list.
    package struct Optimizer: Sendable, Hashable {
        package var specification: any OptimizerSpecification

        package init(_ specification: any OptimizerSpecification) { self.specification = specification }

        /// The first is the one that a manifest without the key has.
        package static let all: [any OptimizerSpecification.Type] = [
            AdamW.self, Lion.self, SGD.self, Adafactor.self, Muon.self, AdamW8Bit.self,
        ]

        package var word: String { type(of: specification).word }
        package var rateFactor: Double { type(of: specification).rateFactor }
        package var weightDecayOn: WeightDecayOn { specification.weightDecayOn }
        package var adapterRateRatio: Double { specification.adapterRateRatio ?? 1 }
        /// Its numbers by their keys, for the optimizer of the same word in Training; true is 1.
        package var numbers: [String: Double] {
            Dictionary(
                uniqueKeysWithValues: specification.members.filter { $0.key != "lora_plus_ratio" }.compactMap { member in
                    (member.node.double ?? member.node.bool.map { $0 ? 1 : 0 }).map { (member.key, $0) }
                })
        }

        package static let kinds = SectionKinds<Optimizer>(all.map { $0.kind })

        package static func == (left: Optimizer, right: Optimizer) -> Bool {
            AnyHashable(left.specification) == AnyHashable(right.specification)
        }
        package func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(specification)) }
    }
}
