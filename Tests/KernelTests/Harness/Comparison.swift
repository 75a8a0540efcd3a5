import Graph
import Tensors

/// Compares what a run has left with what its calls must leave.
struct Comparison {
    /// One sentence for each call that went wrong, and for memory that changed without an owner.
    private(set) var failures: [String] = []
    /// Elements that were compared, and the largest difference among them as a share of what its
    /// bound allows.
    private(set) var elementCount = 0
    private(set) var largestShare = 0.0

    init(_ machine: KernelMachine, _ result: KernelMachine.Result, _ expected: [[Expected]]) {
        var mayChange: [MemorySpace: [Bool]] = [
            .exchange: Array(repeating: false, count: result.exchange.count),
            .persistent: Array(repeating: false, count: result.persistent.count),
        ]
        let after: [MemorySpace: KernelMachine.Image] = [
            .exchange: .init(bytes: result.exchange), .persistent: .init(bytes: result.persistent),
        ]
        for (call, outputs) in zip(machine.calls, expected) {
            for (index, (output, expected)) in zip(call.outputs, outputs).enumerated() {
                guard let image = after[output.space] else { continue }
                var worst: (excess: Double, text: String)?
                var wrongCount = 0
                let type = output.elementType
                for row in 0..<output.rows {
                    for column in 0..<output.columns {
                        // What must be left alone is compared with all other memory below; in the
                        // arena there is nothing to compare with.
                        if expected[row, column] != nil || call.arrangement == .transient {
                            let start = output.byteOffset + (row * output.rowStride + column) * type.byteCount
                            for byte in start..<(start + type.byteCount) { mayChange[output.space]?[byte] = true }
                        }
                        guard let wanted = expected[row, column] else { continue }
                        let found = type.number(image.bits(output, row, column))
                        let tolerance =
                            wanted.error + (abs(wanted.value) + wanted.error) * (type.roundoff + Bounded.roundoff) + 2 * type.smallestNormal
                        let difference = abs(found - wanted.value)
                        elementCount += 1
                        if difference > 0 { largestShare = max(largestShare, difference / max(tolerance, .leastNormalMagnitude)) }
                        if difference <= tolerance
                            || (found.isInfinite && found.sign == wanted.value.sign && abs(wanted.value) > 65_500 && type == .float16)
                        {
                            continue
                        }
                        wrongCount += 1
                        let excess = difference.isNaN ? .infinity : difference / max(tolerance, .leastNormalMagnitude)
                        if worst == nil || excess > (worst?.excess ?? 0) {
                            worst = (excess, "[\(row), \(column)] is \(found), not \(wanted.value) ± \(tolerance)")
                        }
                    }
                }
                if let worst {
                    failures.append(
                        "\(call.sample.operation.name) \(call.arrangement) output \(index): \(wrongCount) of \(output.rows * output.columns) wrong; \(worst.text)"
                    )
                }
            }
        }
        for (space, before, now) in [
            (MemorySpace.exchange, machine.before.exchange.bytes, result.exchange),
            (.persistent, machine.before.persistent.bytes, result.persistent),
        ] {
            guard let owned = mayChange[space] else { continue }
            for offset in before.indices where !owned[offset] && before[offset] != now[offset] {
                failures.append(
                    "byte \(offset) of \(space.rawValue) memory changed, which is nobody's output: \(Self.neighbours(offset, space, machine))"
                )
                break
            }
        }
    }

    /// Which operands lie around a byte.
    private static func neighbours(_ offset: Int, _ space: MemorySpace, _ machine: KernelMachine) -> String {
        var found: [String] = []
        for call in machine.calls {
            for (name, operands) in [("input", call.inputs), ("output", call.outputs)] {
                for (index, operand) in operands.enumerated() where operand.space == space {
                    let end = operand.byteOffset + operand.byteSpan
                    guard operand.byteOffset - 256 <= offset, offset < end + 256 else { continue }
                    found.append("\(call.arrangement) \(name) \(index) at \(operand.byteOffset)..<\(end), stride \(operand.rowStride)")
                }
            }
        }
        return found.joined(separator: "; ")
    }
}
