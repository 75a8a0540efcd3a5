package import Graph
import Tensors

/// The least time that a plan takes on a card by its published peaks: for every kernel call, the
/// longer of its arithmetic and its memory traffic.
///
/// An estimate, and a bound that nothing reaches: kernels attain a part of a peak, caches save
/// traffic, and starting kernels and waiting between them costs (Williams, Waterman and Patterson
/// 2009, doi:10.1145/1498765.1498785).
package struct RooflineEstimate: Sendable {
    package struct Part: Sendable {
        package var operation: String
        package var calls: Int
        package var seconds: Double
        /// The share of `seconds` in calls that wait for arithmetic, not for memory.
        package var arithmeticShare: Double
    }
    /// By operation, longest first.
    package private(set) var parts: [Part] = []
    package var seconds: Double { parts.reduce(0) { $0 + $1.seconds } }

    /// - Parameter others: plans that run once for each run of the first.
    package init(_ plan: Plan, beside others: [Plan] = [], on card: CardProfile) {
        var sums: [String: (calls: Int, seconds: Double, arithmetic: Double)] = [:]
        for call in ([plan] + others).flatMap(\.calls) {
            let cost = call.operation.cost(inputs: call.inputs.map(\.type), outputs: call.outputs.map(\.type))
            let arithmetic = cost.floatingPointOperations / Self.peak(call, card)
            let traffic = (cost.bytesRead + cost.bytesWritten) / card.bytesPerSecond
            var sum = sums[call.operation.name] ?? (0, 0, 0)
            sum.calls += 1
            sum.seconds += max(arithmetic, traffic)
            if arithmetic > traffic { sum.arithmetic += arithmetic }
            sums[call.operation.name] = sum
        }
        parts = sums.map { name, sum in
            Part(
                operation: name, calls: sum.calls, seconds: sum.seconds,
                arithmeticShare: sum.seconds > 0 ? sum.arithmetic / sum.seconds : 0)
        }.sorted { ($1.seconds, $0.operation) < ($0.seconds, $1.operation) }
    }

    /// Operations a second for a call: matrix units multiply float16 by float16, everything else
    /// runs on the shader units in float32.
    private static func peak(_ call: KernelCall, _ card: CardProfile) -> Double {
        guard call.operation.isMatrixProduct, call.inputs.prefix(2).allSatisfy({ $0.elementType == .float16 }) else {
            return card.floatOperationsPerSecond
        }
        return card.matrixOperationsPerSecond ?? card.floatOperationsPerSecond
    }
}
