import Storage
package import Graph
import Quantization
package import Tensors

extension LanguageModel {
    /// Elements that are converted and written at a time.
    private static let chunkElements = 1 << 20

    /// Writes weights, constants and the initial values of trained tensors into the memory of a
    /// device; weights in `mapped` are there already.
    /// - Throws: ``ModelError`` if a weight holds a NaN or an infinity, and what the memory throws.
    package func fill(_ memory: any PersistentMemory, mapped: Set<String>) throws {
        for table in configuration.rotaryTables {
            try write(table.settings.table(positions: rotaryRows.positionCount), table.key, memory)
        }
        for stack in stacks where isFrozen(stack) { try fill(stack, memory, isMapped: mapped.contains(stack.key)) }
        for weight in declarations where copyKeys[weight.name] == nil || isFrozen(weight.name) {
            if let place = stackPlaces[weight.name], isFrozen(stacks[place.stack]) { continue }
            if let layout = quantizedLayout(of: weight) {
                try quantize(weight, layout, memory)
                continue
            }
            switch source {
            case .checkpoint(let checkpoint):
                guard let stored = checkpoint.tensors[weight.name] else { continue }
                try Self.requireFinite(stored, checkpoint.title(of: weight.name))
                if mapped.contains(weight.name) { continue }
                if let blocks = packedFormat(weight.name) {
                    try copy(stored.unturned, blocks, to: weight.name, memory)
                    stored.file.evict(stored.bytes)
                    continue
                }
                if weight.isTransposed, trainables.tensor(of: weight.name, .parameter) == nil {
                    if let turning = stored.turning {
                        try copy(turning.stored, to: weight.name, memory)
                    } else {
                        try copy(TransposedTensor(stored), to: weight.name, memory)
                    }
                } else {
                    try copy(stored, to: weight.name, memory)
                }
                stored.file.evict(stored.bytes)
            case .random(let seed): try writeInitialValues(of: weight, seed: seed, memory)
            }
        }
        if let head { try fill(head, memory) }
        guard case .adapter(let settings, let seed) = training else { return }
        for copy in copies { try fill(copy, memory) }
        for adapter in adapters {
            try fillMatrices(of: adapter, settings, seed: seed, memory)
            if adapter.hasMagnitude { try fillMagnitude(of: adapter, memory) }
        }
    }

    /// The initial adapter's tensor, or the model's own.
    private func fill(_ copy: AdapterCopy, _ memory: any PersistentMemory) throws {
        if let initial = initialCopies[copy.key] { return try self.copy(initial, to: copy.key, memory) }
        switch source {
        case .checkpoint(let checkpoint):
            guard let stored = checkpoint.tensors[copy.source] else { return }
            try Self.requireFinite(stored, checkpoint.title(of: copy.source))
            try self.copy(stored, to: copy.key, memory)
        case .random(let seed):
            guard let weight = declarations.first(where: { $0.name == copy.source }) else { return }
            try writeInitialValues(of: weight, seed: seed, to: copy.key, memory)
        }
    }

    /// The initial adapter's head, or the checkpoint's where it has one of this shape, else normal
    /// numbers, as transformers begins a new head.
    private func fill(_ head: TaskHead, _ memory: any PersistentMemory) throws {
        let shape = [head.outputs, configuration.hiddenSize]
        if head.isStored, let initialHead { return try copy(initialHead, to: head.key(training), memory) }
        if head.isStored, case .checkpoint(let checkpoint) = source, let stored = checkpoint.tensors[head.weightName], stored.shape == shape
        {
            try Self.requireFinite(stored, checkpoint.title(of: head.weightName))
            return try copy(stored, to: head.key(training), memory)
        }
        let numbers = NormalNumbers(seed: head.seed, name: head.weightName, deviation: configuration.initializerRange)
        try write(head.key(training), memory) { range, target in numbers.fill(range, into: target.pointer, target.type) }
    }

    /// - Parameter rows: of the tensor with the key; nil: all.
    func writeInitialValues(
        of weight: ModelBuilder.WeightDeclaration, seed: UInt64, to key: String? = nil, rows: Range<Int>? = nil,
        _ memory: any PersistentMemory
    ) throws {
        let key = key ?? weight.name
        if case .constant(let value) = weight.initial {
            return try write(Array(repeating: value, count: weight.rows * weight.columns), key, memory)
        }
        let numbers = initialNumbers(weight, seed: seed)
        try write(key, rows: rows, memory) { range, target in numbers.fill(range, into: target.pointer, target.type) }
    }

    /// The numbers that a matrix starts with.
    func initialNumbers(_ weight: ModelBuilder.WeightDeclaration, seed: UInt64) -> NormalNumbers {
        var deviation = configuration.initializerRange
        if case .normal(let own) = weight.initial { deviation = own }
        return NormalNumbers(seed: seed, name: weight.name, deviation: deviation)
    }

    /// Gives a persistent tensor's numbers as float32, some rows at a time, in order.
    package func readParts(_ key: String, _ memory: any PersistentMemory, _ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        try readStored(key, memory) { bytes, type in
            guard let source = bytes.baseAddress else { return }
            let count = bytes.count / type.byteCount
            let floats = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                if let target = buffer.baseAddress { FloatConversion.widen(source, type, count: count, into: target) }
                initialized = count
            }
            try floats.withUnsafeBufferPointer(body)
        }
    }

    /// Gives a persistent tensor's bytes as they lie on the device, some rows at a time, in order.
    package func readStored(
        _ key: String, _ memory: any PersistentMemory, _ body: (UnsafeRawBufferPointer, ElementType) throws -> Void
    ) throws {
        guard let placement = memory.layout.placements[key] else { throw GraphError.undefinedValue(key) }
        for piece in placement.pieces {
            let rowsAtOnce = max(1, Self.chunkElements / max(1, piece.columns))
            for first in stride(from: 0, to: piece.rows, by: rowsAtOnce) {
                let part = Placement([piece.rows(first..<min(piece.rows, first + rowsAtOnce))])
                let byteCount = part.rows * piece.columns * piece.elementType.byteCount
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, byteCount), alignment: 64)
                defer { bytes.deallocate() }
                let used = UnsafeMutableRawBufferPointer(rebasing: bytes[..<byteCount])
                try memory.read(part, into: used)
                try body(UnsafeRawBufferPointer(used), piece.elementType)
            }
        }
    }

    /// Writes a stored tensor into a persistent one, converting some numbers at a time.
    package func write(_ stored: StoredTensor, _ key: String, _ memory: any PersistentMemory) throws { try copy(stored, to: key, memory) }

    /// Writes float32 numbers into a persistent tensor, in its type.
    package func write(_ floats: [Float], _ key: String, _ memory: any PersistentMemory) throws {
        try floats.withUnsafeBufferPointer { buffer in
            try write(key, memory) { range, target in
                guard let source = buffer.baseAddress else { return }
                FloatConversion.narrow(source + range.lowerBound, count: range.count, into: target.pointer, target.type)
            }
        }
    }

    /// Writes float32 numbers into whole rows of a persistent tensor of float32, from a row on.
    package func write(_ floats: [Float], toRowsFrom first: Int, of key: String, _ memory: any PersistentMemory) throws {
        guard let placement = memory.layout.placements[key], let columns = placement.pieces.first?.columns, columns > 0 else {
            throw GraphError.undefinedValue(key)
        }
        var start = 0
        for piece in placement.pieces {
            let from = max(first, start)
            let to = min(first + floats.count / columns, start + piece.rows)
            if from < to {
                try floats[(from - first) * columns..<(to - first) * columns].withUnsafeBytes {
                    try memory.write($0, to: Placement([piece.rows(from - start..<to - start)]))
                }
            }
            start += piece.rows
        }
    }

    /// - Parameter rows: of the tensor with the key; nil: all.
    func copy(_ stored: StoredTensor, to key: String, rows: Range<Int>? = nil, _ memory: any PersistentMemory) throws {
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: Self.chunkElements)
        defer { scratch.deallocate() }
        guard let source = stored.bytes.baseAddress else { return }
        try write(key, rows: rows, memory) { range, target in
            if stored.isPlain, stored.elementType == target.type {
                let start = source + range.lowerBound * target.type.byteCount
                target.pointer.copyMemory(from: start, byteCount: range.count * target.type.byteCount)
                return
            }
            var done = 0
            while done < range.count {
                let count = min(Self.chunkElements, range.count - done)
                let first = range.lowerBound + done
                stored.read(first..<(first + count), into: scratch)
                FloatConversion.narrow(scratch, count: count, into: target.pointer + done * target.type.byteCount, target.type)
                done += count
            }
        }
    }

    /// Writes rows of blocks as they are, each in its place.
    func copy(
        _ stored: StoredTensor, _ blocks: BlockFormat, to key: String, rows: Range<Int>? = nil, _ memory: any PersistentMemory
    ) throws {
        guard let source = stored.bytes.baseAddress, let rowBytes = blocks.byteCount(columns: stored.shape[1]) else { return }
        try write(key, rows: rows, memory) { range, target in
            for row in range.lowerBound / rowBytes..<range.upperBound / rowBytes {
                let place = target.pointer + (row * rowBytes - range.lowerBound)
                if let packRow = stored.packRow {
                    packRow(row, place)
                    continue
                }
                place.copyMemory(from: source + (stored.rowPlace?(row) ?? row) * rowBytes, byteCount: rowBytes)
            }
        }
    }

    private func copy(_ transposed: TransposedTensor, to key: String, _ memory: any PersistentMemory) throws {
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: Self.chunkElements)
        defer { scratch.deallocate() }
        try write(key, memory) { range, target in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.chunkElements) {
                let part = start..<min(range.upperBound, start + Self.chunkElements)
                transposed.read(part, into: scratch)
                let place = target.pointer + (start - range.lowerBound) * target.type.byteCount
                FloatConversion.narrow(scratch, count: part.count, into: place, target.type)
            }
        }
    }

    /// Fills a tensor a few rows at a time: `produce` writes the elements of a range in the
    /// tensor's type.
    /// - Parameter rows: those that are filled, from whose first on elements are counted; nil: all.
    private func write(
        _ key: String, rows wanted: Range<Int>? = nil, _ memory: any PersistentMemory,
        produce: (_ range: Range<Int>, _ target: (pointer: UnsafeMutableRawPointer, type: ElementType)) -> Void
    ) throws {
        guard let placement = memory.layout.placements[key] else { throw GraphError.undefinedValue(key) }
        let wanted = wanted ?? 0..<placement.rows
        var firstRow = -wanted.lowerBound
        for piece in placement.pieces {
            // The rows of this piece that are wanted.
            let end = min(piece.rows, wanted.count - firstRow)
            let rowsAtOnce = max(1, Self.chunkElements / max(1, piece.columns))
            let rowBytes = piece.columns * piece.elementType.byteCount
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: min(rowsAtOnce, piece.rows) * rowBytes, alignment: 64)
            defer { room.deallocate() }
            var row = max(0, -firstRow)
            while row < end {
                let count = min(rowsAtOnce, end - row)
                let buffer = UnsafeMutableRawBufferPointer(rebasing: room[..<(count * rowBytes)])
                if let start = buffer.baseAddress {
                    let first = (firstRow + row) * piece.columns
                    produce(first..<(first + count * piece.columns), (start, piece.elementType))
                }
                try memory.write(UnsafeRawBufferPointer(buffer), to: Placement([piece.rows(row..<(row + count))]))
                row += count
            }
            firstRow += piece.rows
        }
    }

    /// All numbers of a persistent tensor as float32, row-major.
    package func read(_ key: String, _ memory: any PersistentMemory) throws -> [Float] {
        guard let placement = memory.layout.placements[key], let piece = placement.pieces.first else {
            throw GraphError.undefinedValue(key)
        }
        let count = placement.rows * piece.columns
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * piece.elementType.byteCount, alignment: 64)
        defer { bytes.deallocate() }
        try memory.read(placement, into: bytes)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let source = bytes.baseAddress, let target = buffer.baseAddress {
                FloatConversion.widen(source, piece.elementType, count: count, into: target)
            }
            initialized = count
        }
    }

    /// - Throws: ``ModelError`` if a tensor holds a NaN or an infinity.
    package static func requireFinite(_ tensor: StoredTensor, _ title: String) throws(ModelError) {
        let stored = tensor.unturned
        let isFinite =
            (stored.blocks as? BlockFormat).map { stored.packRow == nil ? FiniteNumbers.holds(stored.bytes, $0) : holdsFinite(stored, $0) }
            ?? FiniteNumbers.holds(stored.bytes, stored.elementType)
        if !isFinite {
            throw ModelError(
                file: stored.file.path, field: title, "holds a NaN or an infinity: the checkpoint is damaged or was never good")
        }
    }

    /// Of rows that are put together from several places.
    private static func holdsFinite(_ stored: StoredTensor, _ blocks: BlockFormat) -> Bool {
        guard let packRow = stored.packRow, stored.shape.count == 2, let rowBytes = blocks.byteCount(columns: stored.shape[1]) else {
            return true
        }
        return withUnsafeTemporaryAllocation(byteCount: max(1, rowBytes), alignment: 16) { room in
            guard let row = room.baseAddress else { return true }
            return (0..<stored.shape[0]).allSatisfy {
                packRow($0, row)
                return FiniteNumbers.holds(UnsafeRawBufferPointer(start: row, count: rowBytes), blocks)
            }
        }
    }
}
