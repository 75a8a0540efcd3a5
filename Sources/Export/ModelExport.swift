import Graph
import Glibc
package import Models
import Storage
package import Tensors

/// The weights of a tuned model as a Hugging Face checkpoint.
package enum ModelExport {
    /// Writes the base model with the adapter merged into it: `W + scale * B A`, computed in
    /// float32, stored in the base's element types.
    /// - Parameter trained: the adapter's matrices by PEFT key, or the whole model's tensors in
    ///   full training.
    package static func writeMerged(
        _ model: LanguageModel, base: Checkpoint, trained: @escaping (String) throws -> [Float], to folder: String
    ) throws {
        let heads = replacedHeads(model)
        let joins = JoinedExport(model, base)
        let tensors = base.tensors.values.filter {
            !isCopyOfTrained($0, model, base) && !heads.contains($0.name) && !joins.leavesOut($0.name)
        }.sorted { $0.name < $1.name }
        var entries = tensors.map { SafetensorsWriter.Entry(name: $0.name, shape: $0.shape, elementType: $0.elementType) }
        entries += joins.entries
        let headType = tensors.filter { $0.shape.count > 1 }.map(\.elementType).max { $0.byteCount < $1.byteCount } ?? .float32
        if let head = model.head {
            entries.append(.init(name: head.weightName, shape: [head.outputs, model.configuration.hiddenSize], elementType: headType))
        }
        // A head that was the embedding, and is not any more.
        let untied = model.isUntied && base.tensors[model.vocabularyHeadName] == nil ? base.tensors[model.embeddingName] : nil
        if let untied { entries.append(.init(name: model.vocabularyHeadName, shape: untied.shape, elementType: untied.elementType)) }
        var writer = try SafetensorsWriter(path: folder + "/model.safetensors", entries: entries)
        let plain = PlainAdapter(model, numbers: trained)
        let adapters = Dictionary(plain.modules.map { ($0.module.name + ".weight", $0) }) { first, _ in first }
        func forEachMergedPart(_ tensor: StoredTensor, _ adapter: AdapterModule, _ body: ([Float]) throws -> Void) throws {
            let magnitude = adapter.hasMagnitude ? try trained(adapter.keyOfMagnitude) : nil
            try Self.forEachMergedPart(
                tensor, adapter, a: try plain.numbers(adapter.keyOfA), b: try plain.numbers(adapter.keyOfB), magnitude: magnitude, body)
        }
        for tensor in tensors {
            if let adapter = adapters[tensor.name] {
                try forEachMergedPart(tensor, adapter) { try append($0, tensor.elementType, to: &writer) }
            } else if let key = model.trainedKey(of: tensor.name) {
                try append(try trained(key), tensor.elementType, to: &writer)
            } else {
                try appendStored(tensor, to: &writer)
            }
        }
        try joins.forEachSlice({ part in
            guard let tensor = base.tensors[part] else { return [] }
            var numbers: [Float] = []
            if let adapter = adapters[part] {
                try forEachMergedPart(tensor, adapter) { numbers += $0 }
            } else if let key = model.trainedKey(of: part) {
                numbers = try trained(key)
            } else {
                numbers = tensor.floats()
                tensor.file.evict(tensor.bytes)
            }
            return numbers
        }) { try append($0, $1, to: &writer) }
        if let untied {
            if let key = model.trainedKey(of: model.vocabularyHeadName) {
                try append(try trained(key), untied.elementType, to: &writer)
            } else {
                try appendStored(untied, to: &writer)
            }
        }
        if let head = model.head { try append(try trained(head.key(model.training)), headType, to: &writer) }
        try writer.finish()
    }

    /// The base's tensors in whose place a model with a head of its own has that one.
    private static func replacedHeads(_ model: LanguageModel) -> Set<String> {
        guard let head = model.head else { return [] }
        return Set(model.vocabularyHeadNames + [head.weightName])
    }

    /// Whether a tensor that the model does not use holds, before training, the numbers of one that
    /// was trained as a whole: a tied head that the checkpoint stores twice. Beside the trained
    /// tensor it would be a stale copy, and loaders that look at it take it for another head.
    private static func isCopyOfTrained(_ tensor: StoredTensor, _ model: LanguageModel, _ base: Checkpoint) -> Bool {
        guard tensor.shape.count > 1, model.trainedKey(of: tensor.name) == nil, !model.isUntied else { return false }
        // An adapter trains few tensors as a whole, and the model uses the others.
        if case .adapter = model.training, tensor.name != model.keptTie?.head { return false }
        return base.tensors.values.contains { trained in
            trained.shape == tensor.shape && model.trainedKey(of: trained.name) != nil && trained.holdsSameNumbers(as: tensor)
        }
    }

    /// Writes a model that was trained from nothing: every tensor as float32.
    package static func writeTrained(
        _ model: LanguageModel, trained: (String) throws -> [Float], elementType: ElementType = .float32, to folder: String
    ) throws {
        let joins = JoinedExport(model, elementType)
        let parameters = model.trainables.parameters.filter { !joins.leavesOut($0.key) }.sorted { $0.key < $1.key }
        var writer = try SafetensorsWriter(
            path: folder + "/model.safetensors",
            entries: parameters.map {
                .init(name: $0.key, shape: $0.rows == 1 ? [$0.columns] : [$0.rows, $0.columns], elementType: elementType)
            } + joins.entries)
        for parameter in parameters { try append(try trained(parameter.key), elementType, to: &writer) }
        try joins.forEachSlice({ try trained($0) }) { try append($0, $1, to: &writer) }
        try writer.finish()
    }

    private static func append(_ floats: [Float], _ type: ElementType, to writer: inout SafetensorsWriter) throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, floats.count * type.byteCount), alignment: 64)
        defer { bytes.deallocate() }
        floats.withUnsafeBufferPointer { buffer in
            if let source = buffer.baseAddress, let target = bytes.baseAddress {
                FloatConversion.narrow(source, count: floats.count, into: target, type)
            }
        }
        try writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<(floats.count * type.byteCount)]))
    }

    /// Numbers of a tensor that are in memory at a time, so that an export needs little beside what
    /// training holds.
    private static let chunkElements = 1 << 20

    private static func appendStored(_ tensor: StoredTensor, to writer: inout SafetensorsWriter) throws {
        let size = chunkElements * tensor.elementType.byteCount
        guard tensor.isPlain else {
            for start in stride(from: 0, to: tensor.elementCount, by: chunkElements) {
                try append(numbers(of: tensor, start..<min(tensor.elementCount, start + chunkElements)), tensor.elementType, to: &writer)
            }
            return tensor.file.evict(tensor.bytes)
        }
        for start in stride(from: 0, to: tensor.bytes.count, by: size) {
            let part = UnsafeRawBufferPointer(rebasing: tensor.bytes[start..<min(tensor.bytes.count, start + size)])
            try writer.append(part)
            tensor.file.evict(part)
        }
        // The system maps pages around those that are read: what lies before a part came back with
        // it.
        tensor.file.evict(tensor.bytes)
    }

    private static func numbers(of tensor: StoredTensor, _ range: Range<Int>) -> [Float] {
        [Float](unsafeUninitializedCapacity: range.count) { numbers, count in
            count = range.count
            if let target = numbers.baseAddress { tensor.read(range, into: target) }
        }
    }

    /// A matrix of so many rows turned.
    private static func turned(_ matrix: [Float], rows: Int) -> [Float] {
        guard rows > 0 else { return matrix }
        let columns = matrix.count / rows
        return (0..<matrix.count).map { matrix[($0 % rows) * columns + $0 / rows] }
    }

    /// `W + scale * B A`, some rows at a time as the checkpoint has them; with magnitudes what
    /// belongs to one output has its own as its length.
    private static func forEachMergedPart(
        _ tensor: StoredTensor, _ adapter: AdapterModule, a: [Float], b: [Float], magnitude: [Float]? = nil,
        _ body: ([Float]) throws -> Void
    ) throws {
        guard let magnitude else { return try forEachSum(tensor, adapter, a: a, b: b, body) }
        let outputs = adapter.module.outputs
        guard adapter.module.isTransposed else {
            var row = 0
            return try forEachSum(tensor, adapter, a: a, b: b) { part in
                var part = part
                let columns = adapter.module.inputs
                part.withUnsafeMutableBufferPointer { numbers in
                    guard let base = numbers.baseAddress, columns > 0 else { return }
                    for start in stride(from: 0, to: numbers.count, by: columns) {
                        RowLength.set(magnitude[row], of: base + start, count: columns)
                        row += 1
                    }
                }
                try body(part)
            }
        }
        // A weight that is stored turned has its outputs in columns: their lengths come first.
        var squares = [Double](repeating: 0, count: outputs)
        try forEachSum(tensor, adapter, a: a, b: b) { part in
            for index in part.indices { squares[index % outputs] += Double(part[index]) * Double(part[index]) }
        }
        let factors = zip(squares, magnitude).map { RowLength.factor($1, square: $0) }
        try forEachSum(tensor, adapter, a: a, b: b) { part in
            try body(part.indices.map { part[$0] * factors[$0 % outputs] })
        }
    }

    /// `W + scale * B A`, some rows at a time as the checkpoint has them.
    private static func forEachSum(
        _ tensor: StoredTensor, _ adapter: AdapterModule, a: [Float], b: [Float], _ body: ([Float]) throws -> Void
    ) throws {
        let (rank, scale) = (adapter.rank, Float(adapter.scale))
        // A weight that is stored turned is the product of the turned matrices.
        let isTransposed = adapter.module.isTransposed
        let (height, width) =
            isTransposed ? (adapter.module.inputs, adapter.module.outputs) : (adapter.module.outputs, adapter.module.inputs)
        let left = isTransposed ? turned(a, rows: rank) : b
        let right = isTransposed ? turned(b, rows: width) : a
        let rowsAtOnce = max(1, chunkElements / max(1, width))
        for first in stride(from: 0, to: height, by: rowsAtOnce) {
            let rows = first..<min(height, first + rowsAtOnce)
            let merged = [Float](unsafeUninitializedCapacity: rows.count * width) { merged, count in
                count = rows.count * width
                guard let target = merged.baseAddress else { return }
                tensor.read(rows.lowerBound * width..<rows.upperBound * width, into: target)
                right.withUnsafeBufferPointer { right in
                    for row in rows {
                        let sums = target + (row - rows.lowerBound) * width
                        for index in 0..<rank {
                            let factor = scale * left[row * rank + index]
                            if factor == 0 { continue }
                            for column in 0..<width { sums[column] += factor * right[index * width + column] }
                        }
                    }
                }
            }
            if tensor.isPlain {
                let size = width * tensor.elementType.byteCount
                tensor.file.evict(UnsafeRawBufferPointer(rebasing: tensor.bytes[rows.lowerBound * size..<rows.upperBound * size]))
            }
            try body(merged)
        }
        tensor.file.evict(tensor.bytes)
    }
}
