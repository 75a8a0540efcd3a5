import Tensors

/// One step of AdamW (``AdamW``) whose moments lie in eight bits a number, in blocks of 256 numbers
/// of a row with a scale each (after Dettmers et al. 2022, arXiv:2110.02861).
///
/// A first moment is `scale * s * |s| / 127²` with a code `s` of -127 to 127, two's complement; the
/// root of a second moment is `scale * (u / 255)²` with a code `u` of 0 to 255. The scale is the
/// block's largest magnitude. Steps are computed with the moments in float32; then the position
/// between two codes is rounded down or up at random, so that small changes count on average: with
/// `h(stream)` 24 bits of ``noise(row:column:step:stream:)``, code `floor(position + h / 2^24)`,
/// the second moment's at least 1 where it is not zero. The gradient is set to zero; if the norm is
/// not finite nothing else is changed. Inputs: `parameter`, `gradient` `[m, n]` float32, `first
/// codes` `[m, n / 4]` int32 (four in a word, the first in its lowest bits), `first scales` `[m, n
/// / 256]` float32, `second codes`, `second scales`, `clip` `[1, 2]` (norm, factor), `scalars` `[1,
/// 4]` (rate, both bias corrections, the step's number). Outputs: the first six, in place.
package struct AdamW8Bit: OperationWithoutGradient {
    package static let name = "AdamW8Bit"
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    package var weightDecay: Float

    package init(beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// 32 random bits for a number of a tensor: a hash of its place (Wellons 2018, lowbias32).
    package static func noise(row: UInt32, column: UInt32, step: UInt32, stream: UInt32) -> UInt32 {
        var bits = row &* 0x9E37_79B1 ^ column &* 0x85EB_CA77 ^ step &* 0xC2B2_AE3D ^ stream &* 0x27D4_EB2F
        bits = (bits ^ bits >> 16) &* 0x7FEB_352D
        bits = (bits ^ bits >> 15) &* 0x846C_A68B
        return bits ^ bits >> 16
    }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 8)
        let type = inputs[0]
        try require(type.elementType == .float32 && inputs[1] == type, "parameter and gradient differ: \(inputs.prefix(2))")
        for index in [2, 4] {
            let (codes, scales) = (inputs[index], inputs[index + 1])
            try require(
                codes == StateShape.codes.type(rows: type.rows, columns: type.columns, isHiddenMatrix: true)
                    && scales == StateShape.blocks.type(rows: type.rows, columns: type.columns, isHiddenMatrix: true),
                "moments are \(codes) and \(scales) for \(type)")
        }
        return Array(inputs.prefix(6))
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { .elementwise(40, inputs, outputs) }
    package var inPlaceInputs: [Int: Int] { [0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5] }
    package var attributes: String { "beta1=\(beta1) beta2=\(beta2) epsilon=\(epsilon) weightDecay=\(weightDecay)" }
}
