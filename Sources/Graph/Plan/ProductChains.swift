import Tensors

/// Which matrix products of a plan may run as one kernel: `c = a₁·b₁ + addend`, then `c += a₂·b₂`
/// and so on, tile by tile, so that a tile of `c` stays in the cache or in registers until all has
/// been added. The base product of a linear layer and its adapter's are such a chain, and so are
/// the input gradients of layers that share their input.
///
/// A chain runs where its last product stands. An earlier product moves there only past calls that
/// neither touch its result nor write what it reads, so every number is computed from the same
/// operands in the same order as without chains.
package enum ProductChains {
    /// Products further apart than this many calls are not looked at.
    private static let reach = 24

    /// The chains of two or more products, by the index of the last; each lists its calls in order.
    package static func find(in calls: [KernelCall]) -> [Int: [Int]] {
        var chains: [Int: [Int]] = [:]
        for index in calls.indices {
            guard calls[index].operation.isMatrixProduct, let addend = calls[index].operation.addendInput,
                calls[index].inputs[addend] == calls[index].outputs[0],
                let before = lastWriter(of: calls[index].outputs[0], before: index, calls), calls[before].operation.isMatrixProduct,
                calls[before].outputs[0] == calls[index].outputs[0]
            else { continue }
            let members = chains[before] ?? [before]
            guard members.allSatisfy({ mayMove($0, to: index, members, calls) }) else { continue }
            chains[before] = nil
            chains[index] = members + [index]
        }
        return chains
    }

    /// The last call before `index` that writes any byte of the operand.
    private static func lastWriter(of reference: TensorReference, before index: Int, _ calls: [KernelCall]) -> Int? {
        for candidate in stride(from: index - 1, through: max(0, index - reach), by: -1)
        where calls[candidate].outputs.contains(where: { $0.overlaps(reference) }) {
            return candidate
        }
        return nil
    }

    private static func mayMove(_ member: Int, to index: Int, _ members: [Int], _ calls: [KernelCall]) -> Bool {
        let moved = calls[member]
        return (member + 1..<index).allSatisfy { between in
            if members.contains(between) { return true }
            let call = calls[between]
            let touchesResult = (call.inputs + call.outputs).contains { operand in moved.outputs.contains { $0.overlaps(operand) } }
            let writesInput = call.outputs.contains { output in moved.inputs.contains { $0.overlaps(output) } }
            return !touchesResult && !writesInput
        }
    }
}

extension TensorReference {
    /// Whether the spans of two operands share a byte; parts side by side in the same rows count as
    /// sharing.
    package func overlaps(_ other: TensorReference) -> Bool {
        space == other.space && block == other.block && byteOffset < other.byteOffset + other.byteSpan
            && other.byteOffset < byteOffset + byteSpan
    }
}
