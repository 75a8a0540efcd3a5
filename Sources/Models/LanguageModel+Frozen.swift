package import Graph
import Manifest
import Quantization
package import Tensors

/// How what is not trained lies on the device.
extension LanguageModel {
    /// Every frozen weight and constant of the model.
    package var frozenTensors: [PersistentTensor] {
        var tensors = configuration.rotaryTables.map { ModelBuilder.tensor(of: $0, positionCount: rotaryRows.positionCount) }
        tensors += frozenStacks
        for weight in declarations where isFrozen(weight.name) && stackPlaces[weight.name] == nil {
            let (rows, columns) = weight.isTransposed ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
            let type =
                weightFormat(weight.name).map { QuantizedProduct($0, outputs: rows, inputs: columns).weightType }
                ?? TensorType(rows: rows, columns: columns, frozenType(weight.name, weight.isVector ? .vector : .product))
            tensors.append(
                PersistentTensor(key: weight.name, type: type, kind: .weight, isReadInParts: packedFormat(weight.name) != nil))
        }
        for adapter in adapters where adapter.hasTwin {
            let (rank, module, type) = (adapter.rank, adapter.module, precision.activationType)
            tensors.append(
                PersistentTensor(key: adapter.keyOfTwinA, type: TensorType(rows: rank, columns: module.inputs, type), kind: .constant))
            tensors.append(
                PersistentTensor(key: adapter.keyOfTwinB, type: TensorType(rows: module.outputs, columns: rank, type), kind: .constant))
        }
        for adapter in adapters where adapter.hasMagnitude {
            let type = TensorType(rows: 1, columns: adapter.module.outputs, .float32)
            tensors.append(PersistentTensor(key: adapter.keyOfSquares, type: type, kind: .constant))
        }
        if let head, trainables.tensor(of: head.key(training), .parameter) == nil {
            let type = TensorType(rows: head.outputs, columns: configuration.hiddenSize, .float32)
            tensors.append(PersistentTensor(key: head.key(training), type: type, kind: .weight))
        }
        return tensors
    }

    /// Frozen weights whose stored bytes are what the device needs, by key.
    package var mappedWeights: [String: UnsafeRawBufferPointer] {
        guard case .checkpoint(let checkpoint) = source else { return [:] }
        var mapped: [String: UnsafeRawBufferPointer] = [:]
        for weight in declarations
        where isFrozen(weight.name) && quantizedLayout(of: weight) == nil && stackPlaces[weight.name] == nil {
            guard let tensor = checkpoint.tensors[weight.name], !weight.isTransposed || tensor.turning != nil else { continue }
            let stored = tensor.unturned
            if packedFormat(weight.name) != nil {
                if stored.rowPlace == nil, stored.packRow == nil { mapped[weight.name] = stored.bytes }
                continue
            }
            if stored.isPlain, stored.elementType == frozenType(weight.name, weight.isVector ? .vector : .product) {
                mapped[weight.name] = stored.bytes
            }
        }
        for stack in stacks { if let bytes = mappedBytes(of: stack, checkpoint) { mapped[stack.key] = bytes } }
        return mapped
    }

    /// How a weight is quantised, or nil: the linear layers of the blocks are, where the format
    /// says so; the embedding and the head are not, as in QLoRA.
    func quantizedLayout(of weight: ModelBuilder.WeightDeclaration) -> QuantizedLayout? {
        guard let format = precision.baseWeights.quantizedFormat, linearWeights.contains(weight.name), isFrozen(weight.name) else {
            return nil
        }
        return QuantizedLayout(format, elementCount: weight.rows * weight.columns)
    }

    /// The type in which a frozen matrix lies on the device, where it does not lie in few bits.
    package func elementType(ofFrozen name: String) -> ElementType { frozenType(name, .product) }

    /// The type in which a frozen weight lies on the device: as stored where that can be computed
    /// with, else the activations'.
    func frozenType(_ name: String, _ use: ModelBuilder.WeightUse) -> ElementType {
        let stored: ElementType
        if case .checkpoint(let checkpoint) = source {
            stored = checkpoint.tensors[name].map(unpackedType) ?? .float32
        } else {
            stored = precision.activationType
        }
        if use == .vector { return stored }
        switch precision.baseWeights {
        case .float32: return .float32
        case .bfloat16: return .bfloat16
        case .stored, .q8, .nf4: break
        }
        if stored == precision.activationType { return stored }
        if precision.activationType == .float32, precision.mixableTypes.contains(stored) { return stored }
        return precision.activationType
    }

    /// The type of a stored tensor's numbers: of those in blocks, which are of a few bits, the
    /// smallest type that can be computed with, where they do not stay in their blocks.
    private func unpackedType(_ stored: StoredTensor) -> ElementType {
        guard stored.unturned.blocks != nil else { return stored.elementType }
        let isSmall = precision.activationType == .bfloat16 || precision.mixableTypes.contains(.bfloat16)
        return isSmall && precision.baseWeights != .float32 ? .bfloat16 : precision.activationType
    }
}
