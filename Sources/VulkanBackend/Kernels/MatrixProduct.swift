import Graph

extension MatrixProduct: VulkanKernel {
    /// The variant that serves these operands on a device.
    func variant(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> ProductVariant {
        let chosen = device.products[ProductKey(self, inputs, outputs)]
        // What was measured by another version of the program or the compiler may not fit any more.
        // Numbers one by one add up in one order; a device's own matrices in one of theirs.
        if let chosen, chosen.fits(device), !isRowExact || chosen.matrix == nil { return chosen }
        return ProductVariant(unmeasured: outputs[0].rows, outputs[0].columns, device)
    }

    func products(_ inputs: [TensorReference], _ outputs: [TensorReference]) -> [ProductSample] {
        [ProductSample(self, inputs, outputs)]
    }

    func variantName(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) -> String {
        variant(inputs, outputs, device).description
    }

    func dispatches(_ inputs: [TensorReference], _ outputs: [TensorReference], _ device: DeviceProfile) throws(VulkanError) -> [Dispatch] {
        [MatrixProductSum([(self, inputs)], outputs[0]).dispatch(variant(inputs, outputs, device))]
    }
}

/// Products of one layout that are added up in one dispatch: what an adapter adds to a layer, the
/// input gradients of layers with one input.
struct MatrixProductSum {
    /// Products of a dispatch at most; each has two operands and is a loop of its own in the
    /// shader.
    static let termLimit = 3

    /// In the order in which they are added: those behind the first are added to what the first
    /// gives.
    private var terms: [(operation: MatrixProduct, inputs: [TensorReference])]
    private let output: TensorReference

    init(_ terms: [(operation: MatrixProduct, inputs: [TensorReference])], _ output: TensorReference) {
        self.terms = terms
        self.output = output
    }

    /// Cuts the products of a chain into sums of one dispatch each: neighbours of one layout where
    /// one of them is so narrow that writing its result and reading it again would cost about as
    /// much as its arithmetic.
    static func sums(of chain: [KernelCall]) -> [MatrixProductSum] {
        var sums: [MatrixProductSum] = []
        for call in chain {
            guard let operation = call.operation as? MatrixProduct else { continue }
            let term = (operation, call.inputs)
            if let last = sums.indices.last, sums[last].takes(operation, call.inputs) {
                sums[last].terms.append(term)
            } else {
                sums.append(MatrixProductSum([term], call.outputs[0]))
            }
        }
        return sums
    }

    /// Inner sizes up to which a product joins another.
    private static let narrow = 64

    private func takes(_ operation: MatrixProduct, _ inputs: [TensorReference]) -> Bool {
        guard let first = terms.first, terms.count < Self.termLimit, operation.scale != 0,
            (operation.transposesA, operation.transposesB) == (first.operation.transposesA, first.operation.transposesB),
            operation.outputType == first.operation.outputType
        else { return false }
        return Self.inner(operation, inputs) <= Self.narrow || terms.contains { Self.inner($0.operation, $0.inputs) <= Self.narrow }
    }

    private static func inner(_ operation: MatrixProduct, _ inputs: [TensorReference]) -> Int {
        operation.transposesA ? inputs[0].rows : inputs[0].columns
    }

    /// The product with the most to do, whose variant serves all.
    private var largestTerm: (operation: MatrixProduct, inputs: [TensorReference])? {
        terms.max { Self.inner($0.operation, $0.inputs) < Self.inner($1.operation, $1.inputs) }
    }
    var largest: ProductSample? { largestTerm.map { ProductSample($0.operation, $0.inputs, [output]) } }

    func variant(_ device: DeviceProfile) -> ProductVariant? {
        largestTerm.map { $0.operation.variant($0.inputs, [output], device) }
    }

    /// The sum as one dispatch, or where its variant multiplies whole matrices, which the sum
    /// cannot, product by product.
    func dispatches(_ device: DeviceProfile) -> [Dispatch] {
        if terms.count > 1, let variant = variant(device), variant.matrix == nil { return [dispatch(variant)] }
        return terms.map { MatrixProductSum([$0], output).dispatch($0.operation.variant($0.inputs, [output], device)) }
    }

    func dispatch(_ variant: ProductVariant) -> Dispatch {
        let across = (output.columns + variant.blockColumns - 1) / variant.blockColumns
        let down = (output.rows + variant.blockRows - 1) / variant.blockRows
        var definitions = variant.definitions
        // The last product first: small numbers are added up before they meet the large ones.
        let order = Array(terms.reversed())
        let scales = order.map { $0.operation.scale }
        var parameters = [output.rows.word, output.columns.word]
        for (index, term) in order.enumerated() {
            parameters.append(Self.inner(term.operation, term.inputs).word)
            parameters += index == 0 ? [across.word, (scales.last ?? 1).word] : [(scales[index - 1] / scales[index]).word]
        }
        if variant.matrix == nil { definitions["TERMS"] = terms.count }
        if order[0].operation.transposesA { definitions["TRANSPOSES_A"] = 1 }
        if order[0].operation.transposesB { definitions["TRANSPOSES_B"] = 1 }
        // Only the first may add something from outside: all others add to what it gives.
        let addend = terms[0].operation.hasAddend ? [terms[0].inputs[2]] : []
        if !addend.isEmpty { definitions["HAS_ADDEND"] = 1 }
        var dispatch = Dispatch(
            variant.shader, reads: order.flatMap { $0.inputs.prefix(2) } + addend, writes: [output], definitions: definitions,
            specialization: [], parameters: parameters, groupCount: across * down)
        if variant.matrix != nil { dispatch.subgroupSize = variant.subgroup }
        return dispatch
    }
}
