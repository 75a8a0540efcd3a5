import Graph
import Quantization
import Tensors

/// Weights are read as they lie, of few bits too: of groups without rows nothing is read. A weight
/// may be larger than an operand of the device: then some groups are multiplied at a time.
extension GroupedProduct: VulkanKernel {
    func dispatches(_ operands: [TensorReference], _ results: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch]
    {
        let (x, weight, c) = (operands[0], operands[1], results[0])
        guard x.rows > 0, c.columns > 0 else { return [] }
        let tile = GroupedTiling(isStaged: !device.isProcessor)
        let across = (c.columns + tile.columns - 1) / tile.columns
        let together = groupsAtATime(weight, device.operandBytes)
        var dispatches: [Dispatch] = []
        for first in stride(from: 0, to: groupCount, by: together) {
            let groups = first..<min(groupCount, first + together)
            let part = weightPart(weight, groups)
            var definitions = tile.definitions.merging(part.definitions) { $1 }
            if transposesWeight { definitions["TRANSPOSES_W"] = 1 }
            if hasAddend { definitions["HAS_ADDEND"] = 1 }
            let tiles = x.rows / tile.rows + min(groups.count, x.rows)
            dispatches.append(
                Dispatch(
                    "grouped_product", reads: [x, operands[2]] + part.operands + operands.dropFirst(3), writes: [c],
                    definitions: definitions, specialization: [],
                    parameters: [
                        c.columns.word, x.columns.word, across.word, first.word, groups.count.word, x.rows.word, scale.word, outputs.word,
                        inputs.word,
                    ] + part.parameters, groupCount: tiles * across))
        }
        return dispatches
    }

    /// Groups whose weights fit one operand, wherever they begin.
    private func groupsAtATime(_ weight: TensorReference, _ operandBytes: Int) -> Int {
        let (bytes, isTooLarge) = operandBytes.subtractingReportingOverflow(4_096)
        guard !isTooLarge, bytes > 0 else { return groupCount }
        let groupBytes: Int
        switch format {
        // The codes are the largest part.
        case .words(let format): groupBytes = outputs * inputs / (format == .q8 ? 1 : 2) + 64
        default: groupBytes = outputs * weight.rowStride * weight.elementType.byteCount
        }
        return max(1, min(groupCount, bytes / max(1, groupBytes)))
    }

    /// What of the weights is bound for some groups, what the shader is compiled with, and its
    /// parameters for them.
    private func weightPart(_ weight: TensorReference, _ groups: Range<Int>)
        -> (operands: [TensorReference], definitions: [String: Int], parameters: [UInt32])
    {
        let rows = groups.lowerBound * outputs..<groups.upperBound * outputs
        switch format {
        case nil: return ([weight.rows(rows)], [:], [])
        case .blocks(let format): return ([weight.rows(rows)], ["FORMAT": 2, "BLOCKS": Int(format.number)], [])
        case .words(let format):
            let product = QuantizedProduct(format, outputs: groupCount * outputs, inputs: inputs)
            let parts = product.parts(format, of: rows.lowerBound * inputs, to: rows.upperBound * inputs)
            return (
                parts.map { weight.columns($0.word + $0.words.lowerBound..<$0.word + $0.words.upperBound) },
                ["FORMAT": format == .q8 ? 0 : 1], parts.prefix(3).map { $0.words.lowerBound.word } + (format == .q8 ? [0] : [])
            )
        }
    }
}

/// The tiles of products by group: a group of invocations computes `rows` by `columns` outputs.
struct GroupedTiling {
    /// Whether operands pass through shared memory.
    let isStaged: Bool

    private var lanes: Int { isStaged ? 16 : 2 }
    private var own: Int { 4 }
    private var met: Int { isStaged ? 4 : 8 }
    var rows: Int { lanes * own }
    var columns: Int { lanes * met }

    var definitions: [String: Int] {
        var definitions = ["ROW_LANES": lanes, "LANES": lanes, "OWN": own, "MET": met]
        if isStaged { definitions["SLICE"] = 16 }
        return definitions
    }
}
