import Glibc
import Tensors

/// One more score of a head, which takes a share of the softmax and brings no value.
struct AttentionSink {
    private let score: Float

    /// - Parameter sinks: `[1, heads]`.
    init(_ sinks: Matrix, _ head: Int) {
        var number: Float = 0
        RowConversion.widen(sinks.address(0, head), sinks.elementType, to: &number, count: 1)
        score = number
    }

    /// Adds the sink to a row's sum of weights relative to its greatest score.
    /// - Parameter shrink: what the sum of values is multiplied by.
    @inline(__always) func join(_ greatest: inout Float, _ sum: inout Float, _ shrink: inout Float) {
        let top = max(greatest, score)
        shrink = exp(greatest - top)
        sum = sum * shrink + exp(score - top)
        greatest = top
    }
}
