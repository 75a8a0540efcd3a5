import Graph
package import Models

/// A model's adapter as matrices beside the base as it is.
///
/// What began as a part of the base (PiSSA, OLoRA) was trained beside a base without that part. As
/// PEFT does when it converts such an adapter, the beginning is put into matrices of twice the rank
/// and taken away there: `A' = [A; A0]`, `B' = [B, -B0]`, with the same scale.
package struct PlainAdapter {
    package let modules: [AdapterModule]
    private let twins: [String: AdapterModule]
    /// What files have the other way round than memory.
    private let turned: [String: TrainableLayout.Parameter]
    private let stored: (String) throws -> [Float]

    /// - Parameter numbers: the adapter's numbers by their keys as they are trained, and what they
    ///   began as.
    package init(_ model: LanguageModel, numbers: @escaping (String) throws -> [Float]) {
        turned = Dictionary(model.trainables.parameters.filter(\.isTurned).map { ($0.key, $0) }) { first, _ in first }
        modules = model.adapters.map(\.plain)
        var twins: [String: AdapterModule] = [:]
        for adapter in model.adapters where adapter.hasTwin {
            twins[adapter.keyOfA] = adapter
            twins[adapter.keyOfB] = adapter
        }
        self.twins = twins
        stored = numbers
    }

    /// The shape of a matrix that is another than what was trained; nil for others.
    func shape(_ key: String) -> [Int]? {
        guard let adapter = twins[key] else { return turned[key]?.shape }
        return key == adapter.keyOfA ? [2 * adapter.rank, adapter.module.inputs] : [adapter.module.outputs, 2 * adapter.rank]
    }

    /// All numbers of a tensor of the adapter, row-major.
    package func numbers(_ key: String) throws -> [Float] {
        guard let adapter = twins[key] else {
            let numbers = try stored(key)
            return turned[key]?.stored(numbers) ?? numbers
        }
        if key == adapter.keyOfA { return try stored(key) + stored(adapter.keyOfTwinA) }
        let (trained, began, rank) = (try stored(key), try stored(adapter.keyOfTwinB), adapter.rank)
        return (0..<adapter.module.outputs).flatMap { row -> [Float] in
            let range = row * rank..<(row + 1) * rank
            return Array(trained[range]) + began[range].map { -$0 }
        }
    }
}
