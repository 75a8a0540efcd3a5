import Graph
import Models

/// The trained half of matrices that a result has with what they began as.
struct PlainAdapterHalf {
    private let model: LanguageModel
    private let memory: any PersistentMemory
    private let twins: [String: AdapterModule]

    init(_ model: LanguageModel, _ memory: any PersistentMemory) {
        (self.model, self.memory) = (model, memory)
        var twins: [String: AdapterModule] = [:]
        for adapter in model.adapters where adapter.hasTwin {
            twins[adapter.keyOfA] = adapter
            twins[adapter.keyOfB] = adapter
        }
        self.twins = twins
    }

    /// What of a result's numbers was trained: all, where there is no second half.
    /// - Throws: ``ModelError`` where the other half is not what the matrices began as.
    func trained(_ key: String, _ numbers: [Float]) throws -> [Float] {
        guard let adapter = twins[key] else { return numbers }
        let isA = key == adapter.keyOfA
        let rank = adapter.rank
        // Of A the first half of the rows, of B of each row the first half.
        let width = isA ? numbers.count : 2 * rank
        let half = width / 2
        var (first, second): ([Float], [Float]) = ([], [])
        for start in stride(from: 0, to: numbers.count, by: max(1, width)) {
            first += numbers[start..<start + half]
            second += numbers[start + half..<start + width]
        }
        let began = try model.read(isA ? adapter.keyOfTwinA : adapter.keyOfTwinB, memory)
        guard second == (isA ? began : began.map { -$0 }) else {
            throw ModelError(file: "result/adapter", field: key, "does not hold what the matrices began as: it is damaged")
        }
        return first
    }
}
