import Graph

/// `dGate = dy * up * f'(gate)`, `dUp = dy * f(gate)`; may be written over gate and up.
final class GatedActivationBackwardKernel: ElementwiseKernel {
    private let isSilu: Bool

    init(_ function: ActivationFunction, inputs: [Matrix], outputs: [Matrix]) {
        isSilu = function == .silu
        super.init(inputs: inputs, outputs: outputs)
    }

    override func compute(_ operands: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int) {
        let (dy, gate, up, dGate, dUp) = (operands[0], operands[1], operands[2], operands[3], operands[4])
        var i = 0
        if isSilu {
            while i + 16 <= count {
                let (value, slope) = ActivationCurve.siluAndSlope(load(gate + i))
                let (d, u) = (load(dy + i), load(up + i))
                store(d * u * slope, dGate + i)
                store(d * value, dUp + i)
                i += 16
            }
        } else {
            while i + 16 <= count {
                let (value, slope) = ActivationCurve.geluTanhAndSlope(load(gate + i))
                let (d, u) = (load(dy + i), load(up + i))
                store(d * u * slope, dGate + i)
                store(d * value, dUp + i)
                i += 16
            }
        }
        let rest = count - i
        if rest > 0 {
            let x = loadPart(gate + i, rest)
            let (value, slope) = isSilu ? ActivationCurve.siluAndSlope(x) : ActivationCurve.geluTanhAndSlope(x)
            let (d, u) = (loadPart(dy + i, rest), loadPart(up + i, rest))
            storePart(d * u * slope, dGate + i, rest)
            storePart(d * value, dUp + i, rest)
        }
    }
}
