import Graph

extension Adafactor: VulkanKernel {
    func scratchByteCount(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> Int {
        (inputs[0].rows + 1) * 8
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let states = outputs
        guard states == Array(inputs.dropLast(2)) else { throw .badOperand(operation: name, reason: "its state is not updated in place") }
        let (rows, columns) = (states[0].rows, states[0].columns)
        // Row 0: what concerns the whole tensor; then two sums for each row.
        let scratch = TensorReference.scratch(rows: rows + 1, columns: 2)
        let rest = Float(1 - (Double("\(beta1)") ?? Double(beta1)))
        let numbers = [epsilon1, epsilon2, clipThreshold, beta1, rest, weightDecay].map(\.word)
        var definitions: [String: Int] = [:]
        if scalesByParameter { definitions["SCALES"] = 1 }
        if hasMomentum { definitions["HAS_MOMENTUM"] = 1 }
        func pass(_ number: Int, _ specialization: [UInt32], _ sizes: [UInt32], _ groupCount: Int) -> Dispatch {
            var dispatch = Dispatch(
                "adafactor", reads: [], definitions: definitions.merging(["PASS": number]) { $1 }, specialization: specialization,
                parameters: sizes + numbers, groupCount: groupCount)
            // In the order of the bindings, which is one for all passes.
            let readOnly = Array(inputs.suffix(2))
            dispatch.operands =
                states.prefix(4).map { .init(reference: $0, access: .readWrite) } + readOnly.map { .init(reference: $0, access: .read) }
                + [.init(reference: scratch, access: .readWrite)]
                + states.dropFirst(4).map { .init(reference: $0, access: .readWrite) }
            return dispatch
        }
        let byRows = RowTiling(rows: rows, width: columns, device)
        let byColumns = ColumnTiling(rows: rows, columns: columns, device)
        let whole = RowTiling(rows: 1, width: rows, device)
        let one = [UInt32(whole.lanes), UInt32(whole.lanes)]
        let elements = ElementwiseTiling(rows: rows, columns: columns, device)
        let sizes = [rows.word, columns.word, 1]
        return [
            pass(0, byRows.specialization, sizes, byRows.groupCount), pass(1, byColumns.specialization, sizes, byColumns.groupCount),
            pass(2, one, sizes, 1), pass(3, byRows.specialization, sizes, byRows.groupCount), pass(4, one, sizes, 1),
            pass(5, elements.specialization, elements.parameters, elements.groupCount),
        ]
    }
}
