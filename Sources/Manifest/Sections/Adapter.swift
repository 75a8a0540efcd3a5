extension Manifest {
    /// What is trained: small matrices beside frozen weights, or all weights.
    package enum Adapter: Sendable, Hashable {
        case lora(LoRA)
        case full

        package enum Kind: String, Sendable, Hashable { case lora, full }

        package var kind: Kind {
            switch self {
            case .lora: .lora
            case .full: .full
            }
        }
        package var lora: LoRA? { if case .lora(let lora) = self { lora } else { nil } }

        package static let kinds = SectionKinds<Adapter>([
            SectionKind("lora", LoRA.self, "low-rank matrices beside frozen weights", wrap: { .lora($0) }, unwrap: { $0.lora }),
            SectionKind("full", NoKeys.self, "all weights are trained", wrap: { _ in .full }, unwrap: { $0.lora == nil ? NoKeys() : nil }),
        ])
    }
}
