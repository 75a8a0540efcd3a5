import Graph
import Tensors

/// Layers of which each token uses some of several experts.
extension ModelBuilder {
    /// Where the rows of tokens are among those of their experts.
    struct ExpertPlaces {
        /// `[tokens, chosen]` float32: what each token gives each of its experts.
        var weights: ValueID
        /// `[tokens, chosen]` int32.
        var places: ValueID
        /// `[experts + 1, 1]` int32.
        var offsets: ValueID
    }

    /// The choice of experts by a router's weight `[experts, hidden]`.
    mutating func chosenExperts(
        _ router: String, _ x: ValueID, count: Int, chosen: Int, weighting: ExpertWeighting, hasBias: Bool = false
    ) throws(GraphError) -> ExpertPlaces {
        let name = router + ".weight"
        let inputs = graph.type(of: x).columns
        var operation: any Operation = MatrixProduct(transposesB: true, isRowExact: settings.isRowExact)
        let weight: ValueID
        if let format = settings.weightFormat(name), settings.trained(name) == nil {
            declare(name, rows: count, columns: inputs, .product, normalValues)
            let product = QuantizedProduct(format, outputs: count, inputs: inputs, isRowExact: settings.isRowExact)
            operation = product
            weight = graph.persistent(PersistentTensor(key: name, type: product.weightType, kind: .weight, isReadInParts: true))
        } else {
            weight = try self.weight(name, rows: count, columns: inputs, .product, initial: normalValues)
        }
        var logits = try graph.add(operation, [x, weight], names: ["router"])[0]
        if hasBias {
            let bias = try self.weight(router + ".bias", rows: 1, columns: count, .vector, initial: .constant(0))
            logits = try graph.add(BiasAdd(), [logits, bias], names: ["router"])[0]
        }
        let choice = try graph.add(ExpertChoice(count: chosen, weighting: weighting), [logits], names: ["expert weights", "experts"])
        if settings.countsBalance {
            let operation = RouterBalance(hasAddend: routerBalance != nil)
            let ranges = keyRanges(isSliding: false)
            routerBalance = try graph.add(
                operation, [logits, choice[1], ranges] + (routerBalance.map { [$0] } ?? []), names: ["router balance"])[0]
        }
        let order = try graph.add(ExpertOrder(expertCount: count), [choice[1]], names: ["places", "offsets"])
        return ExpertPlaces(weights: choice[0], places: order[0], offsets: order[1])
    }

    /// Each token's row in all of its places.
    mutating func expertRows(_ x: ValueID, _ experts: ExpertPlaces) throws(GraphError) -> ValueID {
        try graph.add(ExpertRows(), [x, experts.places], names: ["expert rows"])[0]
    }

    /// Rows times what their tokens give their experts.
    mutating func weighted(_ x: ValueID, _ experts: ExpertPlaces) throws(GraphError) -> ValueID {
        try graph.add(ExpertWeights(), [x, experts.weights, experts.places], names: ["weighted"])[0]
    }

    /// The sum of each token's rows, added to the residual stream.
    mutating func expertSum(_ x: ValueID, _ experts: ExpertPlaces, addingTo residual: ValueID) throws(GraphError) -> ValueID {
        try graph.add(ExpertSum(hasAddend: true), [x, experts.places, residual], names: ["expert sum"])[0]
    }

    /// Adds each expert's bias to its rows.
    private mutating func withBiases(
        _ modules: [String], _ y: ValueID, _ experts: ExpertPlaces, _ name: String
    ) throws(GraphError) -> ValueID {
        let columns = graph.type(of: y).columns
        let stack = ExpertStack(modules: modules, outputs: 1, inputs: columns, isBias: true)
        stacks.append(stack)
        for name in stack.tensorNames { declare(name, rows: 1, columns: columns, .vector, .constant(0)) }
        let bias: ValueID
        if let trained = settings.trainables.tensor(of: stack.key, .parameter) {
            bias = graph.persistent(trained)
        } else {
            let type = TensorType(rows: modules.count, columns: columns, settings.frozenType(stack.tensorNames[0], .vector))
            bias = graph.persistent(PersistentTensor(key: stack.key, type: type, kind: .weight, isReadInParts: true))
        }
        return try graph.add(ExpertBias(), [y, bias, experts.offsets], names: [name])[0]
    }

    /// A linear layer of every expert on the rows that fell to it, and what an adapter adds to it.
    /// - Parameters:
    ///   - modules: the expert's module for each expert.
    ///   - hasBias: whether each has a bias.
    ///   - writesResidual: whether the result goes into the residual stream.
    mutating func expertLinear(
        _ modules: [String], _ x: ValueID, _ experts: ExpertPlaces, outputs: Int, hasBias: Bool = false, writesResidual: Bool = false
    ) throws(GraphError) -> ValueID {
        let inputs = graph.type(of: x).columns
        let stack = ExpertStack(modules: modules, outputs: outputs, inputs: inputs)
        guard let first = modules.first else { throw .undefinedValue("expert") }
        let initial = writesResidual ? residualValues : normalValues
        stacks.append(stack)
        for module in modules {
            linearModules.append(LinearModule(name: module, inputs: inputs, outputs: outputs, isExpert: true))
            declare(module + ".weight", rows: outputs, columns: inputs, .product, initial)
        }
        try countSquares(of: x, for: modules.map { $0 + ".weight" }, experts)
        let name = Self.shortName(first)
        var operation = GroupedProduct(
            groupCount: modules.count, outputs: outputs, inputs: inputs, outputType: settings.activationType,
            isRowExact: settings.isRowExact)
        let weight: ValueID
        if let trained = settings.trainables.tensor(of: stack.key, .parameter) {
            weight = try inActivationType(graph.persistent(trained), stack.key)
        } else {
            operation.format = settings.weightFormat(first + ".weight")
            let type =
                operation.weightType
                ?? TensorType(rows: modules.count * outputs, columns: inputs, settings.frozenType(first + ".weight", .product))
            weight = graph.persistent(PersistentTensor(key: stack.key, type: type, kind: .weight, isReadInParts: true))
        }
        var y = try graph.add(operation, [x, weight, experts.offsets], names: [name])[0]
        if hasBias { y = try withBiases(modules, y, experts, name) }
        guard let adapter = settings.adapters[first] else { return y }
        let a = try adapterMatrix(ExpertStack.key(of: adapter.keyOfA))
        let b = try adapterMatrix(ExpertStack.key(of: adapter.keyOfB))
        let input = try dropped(x, stream: adapter.stream)
        let down = GroupedProduct(
            groupCount: modules.count, outputs: adapter.rank, inputs: inputs, outputType: settings.activationType,
            isRowExact: settings.isRowExact)
        let u = try graph.add(down, [input, a, experts.offsets], names: [name + ".lora_A"])[0]
        let up = GroupedProduct(
            groupCount: modules.count, outputs: outputs, inputs: adapter.rank, scale: Float(adapter.scale), hasAddend: true,
            outputType: graph.type(of: y).elementType, isRowExact: settings.isRowExact)
        return try graph.add(up, [u, b, experts.offsets, y], names: [name])[0]
    }
}
