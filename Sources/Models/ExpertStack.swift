import Graph
import Quantization
import Storage
import Tensors

/// The same matrix of all experts of a layer: as many weights of a checkpoint, and one tensor on
/// the device, in which they lie one below the other.
struct ExpertStack: Sendable, Hashable {
    /// The module of each expert.
    var modules: [String]
    /// Rows and columns of each.
    var outputs: Int
    var inputs: Int
    /// Whether they are biases, of one row each.
    var isBias = false

    /// The key of the tensor on the device.
    var key: String { Self.key(of: tensorNames.first ?? "") }
    /// What a checkpoint calls them.
    var tensorNames: [String] { modules.map { $0 + (isBias ? ".bias" : ".weight") } }
    var use: ModelBuilder.WeightUse { isBias ? .vector : .product }

    /// The key of the tensor in which lies what begins with this one.
    static func key(of first: String) -> String { "stack/" + first }

    /// The rows of an expert.
    func rows(of expert: Int) -> Range<Int> { expert * outputs..<(expert + 1) * outputs }

    /// Where a weight stands: in which stack, and as which of its experts'.
    struct Place: Sendable, Hashable {
        var stack: Int
        var expert: Int
    }

    static func places(in stacks: [ExpertStack]) -> [String: Place] {
        var places: [String: Place] = [:]
        for (index, stack) in stacks.enumerated() {
            for (expert, name) in stack.tensorNames.enumerated() { places[name] = Place(stack: index, expert: expert) }
        }
        return places
    }

    /// The matrices of an adapter on experts, as they lie together.
    static func adapterStacks(_ stacks: [ExpertStack], _ adapters: [AdapterModule]) -> [TrainableLayout.Stack] {
        guard adapters.contains(where: \.module.isExpert) else { return [] }
        let byName = Dictionary(adapters.map { ($0.module.name, $0) }) { first, _ in first }
        return stacks.filter { !$0.isBias }.flatMap { stack -> [TrainableLayout.Stack] in
            let own = stack.modules.compactMap { byName[$0] }
            guard let first = own.first, own.count == stack.modules.count else { return [] }
            return [
                TrainableLayout.Stack(key: key(of: first.keyOfA), members: own.map(\.keyOfA)),
                TrainableLayout.Stack(key: key(of: first.keyOfB), members: own.map(\.keyOfB)),
            ]
        }
    }

    /// - Throws: ``ModelError`` where an adapter is on some experts of a layer alone, or another on
    ///   each.
    static func check(_ stacks: [ExpertStack], _ adapters: [AdapterModule], _ copies: [AdapterCopy]) throws(ModelError) {
        func failure(_ key: String, _ message: String) -> ModelError { ModelError(file: "manifest", field: "adapter.\(key)", message) }
        let byName = Dictionary(adapters.map { ($0.module.name, $0) }) { first, _ in first }
        let names = Set(stacks.flatMap(\.tensorNames))
        if let copy = copies.first(where: { names.contains($0.name) }) {
            throw failure("modules_to_save", "names \(copy.name), which is one expert's and cannot be trained alone: leave it out")
        }
        guard adapters.contains(where: \.module.isExpert) else { return }
        for stack in stacks {
            let own = stack.modules.compactMap { byName[$0] }
            guard let first = own.first else { continue }
            if let missing = stack.modules.first(where: { byName[$0] == nil }) {
                throw failure(
                    "target_modules",
                    "takes \(first.module.name) and not \(missing): an adapter sits on the matrix of all experts of a layer, or of none")
            }
            if let other = own.first(where: { $0.rank != first.rank || $0.scale != first.scale }) {
                throw failure(
                    other.rank != first.rank ? "rank_pattern" : "alpha_pattern",
                    "gives \(other.module.name) another value than \(first.module.name): all experts of a layer have the same")
            }
            if first.hasMagnitude { throw failure("use_dora", "is not for experts, as \(first.module.name) is: leave it out") }
            if first.hasTwin {
                throw failure("init_lora_weights", "changes the base, which is not for experts, as \(first.module.name) is: leave it out")
            }
        }
    }

    /// - Throws: ``ModelError`` where a layer's experts are stored in different types.
    static func check(_ stacks: [ExpertStack], against checkpoint: Checkpoint) throws(ModelError) {
        for stack in stacks {
            let stored = stack.tensorNames.compactMap { checkpoint.tensors[$0] }
            guard let first = stored.first else { continue }
            func word(_ tensor: StoredTensor) -> String { tensor.blocks?.word ?? tensor.elementType.rawValue }
            if let other = stored.first(where: { word($0) != word(first) }) {
                throw ModelError(
                    file: other.file.path, field: checkpoint.title(of: other.name),
                    "is stored as \(word(other)), and \(checkpoint.title(of: first.name)) as \(word(first)): the experts of a layer have to be "
                        + "of one type")
            }
        }
    }
}

extension LanguageModel {
    func isFrozen(_ stack: ExpertStack) -> Bool { trainables.tensor(of: stack.key, .parameter) == nil }

    /// The first expert's weight, which stands for all: they are stored alike.
    private func first(of stack: ExpertStack) -> String { stack.tensorNames.first ?? "" }

    /// The frozen matrices of experts as they lie on the device.
    var frozenStacks: [PersistentTensor] {
        stacks.filter { isFrozen($0) }.map { stack in
            let rows = stack.modules.count * stack.outputs
            let type =
                weightFormat(first(of: stack)).map { QuantizedProduct($0, outputs: rows, inputs: stack.inputs).weightType }
                ?? TensorType(rows: rows, columns: stack.inputs, frozenType(first(of: stack), stack.use))
            return PersistentTensor(key: stack.key, type: type, kind: .weight, isReadInParts: true)
        }
    }

    /// Where the matrices of all experts lie behind each other in one file as the device needs
    /// them, these bytes.
    func mappedBytes(of stack: ExpertStack, _ checkpoint: Checkpoint) -> UnsafeRawBufferPointer? {
        let stored = stack.tensorNames.compactMap { checkpoint.tensors[$0] }
        guard isFrozen(stack), let first = stored.first, let start = first.bytes.baseAddress, stored.count == stack.modules.count,
            stored.allSatisfy({ $0.rowPlace == nil && $0.packRow == nil && $0.offset == 0 && $0.file === first.file })
        else { return nil }
        switch weightFormat(first.name) {
        case .words: return nil
        case .blocks: break
        case nil: guard first.isPlain, first.elementType == frozenType(first.name, stack.use) else { return nil }
        }
        var end = start
        for tensor in stored {
            guard let place = tensor.bytes.baseAddress, place == end else { return nil }
            end = place + tensor.bytes.count
        }
        return UnsafeRawBufferPointer(start: start, count: end - start)
    }

    /// Writes the frozen matrices of all experts into the memory of a device.
    /// - Throws: ``ModelError`` if a weight holds what cannot be computed with, and what the memory
    ///   throws.
    func fill(_ stack: ExpertStack, _ memory: any PersistentMemory, isMapped: Bool) throws {
        if case .words(let format) = weightFormat(first(of: stack)) {
            let layout = QuantizedLayout(format, elementCount: stack.modules.count * stack.outputs * stack.inputs)
            return try quantize(stack, layout, memory)
        }
        for (expert, name) in stack.tensorNames.enumerated() {
            guard let weight = declaration(name) else { continue }
            switch source {
            case .random(let seed): try writeInitialValues(of: weight, seed: seed, to: stack.key, rows: stack.rows(of: expert), memory)
            case .checkpoint(let checkpoint):
                guard let stored = checkpoint.tensors[name] else { continue }
                try Self.requireFinite(stored, checkpoint.title(of: name))
                if isMapped { continue }
                if let blocks = packedFormat(name) {
                    try copy(stored, blocks, to: stack.key, rows: stack.rows(of: expert), memory)
                } else {
                    try copy(stored, to: stack.key, rows: stack.rows(of: expert), memory)
                }
                stored.file.evict(stored.bytes)
            }
        }
    }

    private func declaration(_ name: String) -> ModelBuilder.WeightDeclaration? { declarationPlaces[name].map { declarations[$0] } }

    /// Quantises the matrices of all experts as one.
    private func quantize(_ stack: ExpertStack, _ layout: QuantizedLayout, _ memory: any PersistentMemory) throws {
        let size = stack.outputs * stack.inputs
        let weights = stack.tensorNames.compactMap { declaration($0) }
        guard size > 0, weights.count == stack.modules.count else { return }
        switch source {
        case .checkpoint(let checkpoint):
            let stored = stack.tensorNames.compactMap { checkpoint.tensors[$0] }
            guard stored.count == weights.count else { return }
            try quantize(stack.key, layout, file: stored[0].file.path, field: stored[0].name, memory) { range, numbers in
                ExpertStack.forEachPart(of: range, size) { expert, part, offset in stored[expert].read(part, into: numbers + offset) }
            }
            for tensor in stored { tensor.file.evict(tensor.bytes) }
        case .random(let seed):
            let values = weights.map { initialNumbers($0, seed: seed) }
            try quantize(stack.key, layout, file: configuration.modelType, memory) { range, numbers in
                ExpertStack.forEachPart(of: range, size) { expert, part, offset in
                    values[expert].fill(part, into: numbers + offset, .float32)
                }
            }
        }
    }
}

extension ExpertStack {
    /// Cuts a range of a stack's elements at the borders of its experts' matrices, each of `size`
    /// elements; gives the expert, its own elements, and how many came before.
    static func forEachPart(of range: Range<Int>, _ size: Int, _ body: (_ expert: Int, _ part: Range<Int>, _ offset: Int) -> Void) {
        var element = range.lowerBound
        while element < range.upperBound {
            let expert = element / size
            let end = min(range.upperBound, (expert + 1) * size)
            body(expert, element - expert * size..<end - expert * size, element - range.lowerBound)
            element = end
        }
    }
}
