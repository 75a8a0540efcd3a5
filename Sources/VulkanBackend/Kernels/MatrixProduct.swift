import Graph

extension MatrixProduct: VulkanKernel {
    /// The shape of a group, as Shaders/matrix_product.comp takes it.
    struct Tile: Hashable {
        var rowLanes: Int
        var lanes: Int
        var own: Int
        var met: Int
        /// Of the inner size, staged in shared memory at a time; 0 stages nothing.
        var slice: Int

        /// A tile of up to `largest` a side for a side of this length: no more than the length needs.
        static func side(_ length: Int, _ largest: Int) -> Int {
            var side = 1
            while side < largest, side < length { side *= 2 }
            return side
        }

        init(rows: Int, columns: Int, _ device: DeviceProfile) {
            if device.isProcessor {
                own = Self.side(rows, 8)
                met = Self.side(columns, 8)
                lanes = Self.side((columns + met - 1) / met, device.subgroupSize)
                rowLanes = max(1, device.subgroupSize / lanes)
                slice = 0
            } else {
                own = 4
                met = 4
                lanes = 16
                rowLanes = min(16, device.maximumGroupInvocations / 16)
                slice = 16
            }
        }

        var definitions: [String: Int] {
            var definitions = ["ROW_LANES": rowLanes, "LANES": lanes, "OWN": own, "MET": met]
            if slice > 0 {
                definitions["SLICE"] = slice
                definitions["STAGED"] = 1
            }
            return definitions
        }
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        let (rows, columns) = (outputs[0].rows, outputs[0].columns)
        let inner = transposesA ? inputs[0].rows : inputs[0].columns
        let tile = Tile(rows: rows, columns: columns, device)
        let across = (columns + tile.lanes * tile.met - 1) / (tile.lanes * tile.met)
        let down = (rows + tile.rowLanes * tile.own - 1) / (tile.rowLanes * tile.own)
        var definitions = tile.definitions
        if transposesA { definitions["TRANSPOSES_A"] = 1 }
        if transposesB { definitions["TRANSPOSES_B"] = 1 }
        if hasAddend { definitions["HAS_ADDEND"] = 1 }
        return [
            Dispatch(
                "matrix_product", reads: inputs, writes: outputs, definitions: definitions, specialization: [],
                parameters: [rows.word, columns.word, inner.word, across.word, scale.word], groupCount: across * down)
        ]
    }
}
