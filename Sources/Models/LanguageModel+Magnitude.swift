import Graph
import Quantization
import Storage
import Tensors

/// The lengths of weights' rows, as DoRA needs them.
extension LanguageModel {
    /// Writes the sums of squares of the rows of an adapter's weight, as it lies on the device, and
    /// the first magnitudes: the initial adapter's, or the lengths of the rows of `W + scale * B
    /// A`.
    func fillMagnitude(of adapter: AdapterModule, _ memory: any PersistentMemory) throws {
        let (rows, columns) = (adapter.module.outputs, adapter.module.inputs)
        let isMeasured = initialMagnitudes[adapter.keyOfMagnitude] == nil
        // A new adapter's B is zero, and then nothing is added.
        let a = isMeasured ? try read(adapter.keyOfA, memory) : []
        let b = isMeasured ? try read(adapter.keyOfB, memory) : []
        let isChanged = b.contains { $0 != 0 }
        var squares = [Float](repeating: 0, count: rows)
        var lengths = squares
        var sums = [Double](repeating: 0, count: columns)
        try readRows(of: adapter, memory) { row, numbers in
            var square = 0.0
            for column in 0..<columns { square += Double(numbers[column]) * Double(numbers[column]) }
            squares[row] = Float(square)
            guard isMeasured else { return }
            if isChanged {
                for column in 0..<columns { sums[column] = Double(numbers[column]) }
                for index in 0..<adapter.rank {
                    let factor = adapter.scale * Double(b[row * adapter.rank + index])
                    for column in 0..<columns { sums[column] += factor * Double(a[index * columns + column]) }
                }
                square = sums.reduce(0) { $0 + $1 * $1 }
            }
            lengths[row] = Float(square.squareRoot())
        }
        try write(squares, adapter.keyOfSquares, memory)
        if let initial = initialMagnitudes[adapter.keyOfMagnitude] { lengths = initial.floats() }
        try write(lengths, adapter.keyOfMagnitude, memory)
    }

    /// Gives the rows of an adapter's weight one after the other, as products take them from the
    /// device's memory.
    func readRows(
        of adapter: AdapterModule, _ memory: any PersistentMemory, _ body: (Int, UnsafePointer<Float>) throws -> Void
    ) throws {
        let key = adapter.module.name + ".weight"
        let (rows, columns) = (adapter.module.outputs, adapter.module.inputs)
        guard columns > 0 else { return }
        if let weight = declarations.first(where: { $0.name == key }), let layout = quantizedLayout(of: weight) {
            guard let placement = memory.layout.placements[key] else { throw GraphError.undefinedValue(key) }
            let words = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.byteCount, alignment: 64)
            defer { words.deallocate() }
            try memory.read(placement, into: words)
            guard let base = words.baseAddress else { return }
            let stored = QuantizedWeight(layout, base)
            let buffer = UnsafeMutablePointer<Float>.allocate(capacity: columns)
            defer { buffer.deallocate() }
            for row in 0..<rows {
                stored.dequantize(row * columns..<(row + 1) * columns, into: buffer)
                try body(row, buffer)
            }
            return
        }
        // What lies in its file is not in the device's memory.
        if case .checkpoint(let checkpoint) = source, let tensor = checkpoint.tensors[key],
            !adapter.module.isTransposed || tensor.turning != nil,
            packedFormat(key) != nil || (tensor.unturned.isPlain && tensor.unturned.elementType == frozenType(key, .product))
        {
            let stored = tensor.unturned
            let buffer = UnsafeMutablePointer<Float>.allocate(capacity: columns)
            defer { buffer.deallocate() }
            for row in 0..<rows {
                stored.read(row * columns..<(row + 1) * columns, into: buffer)
                try body(row, buffer)
            }
            return stored.file.evict(stored.bytes)
        }
        var row = 0
        try readParts(key, memory) { numbers in
            guard let base = numbers.baseAddress else { return }
            for start in stride(from: 0, to: numbers.count, by: columns) {
                try body(row, base + start)
                row += 1
            }
        }
    }
}
