package import Storage

/// A tensor inside a mapped file.
package struct StoredTensor: @unchecked Sendable {
    package var name: String
    /// Sizes of the axes; empty for a single number.
    package var shape: [Int]
    /// How each number is stored; of numbers in blocks how they are stored when they have left
    /// them.
    package var elementType: ElementType
    /// The numbers, row-major, little-endian; valid as long as `file`. Not necessarily aligned to
    /// the element's size.
    package var bytes: UnsafeRawBufferPointer
    package var file: MappedFile
    /// The form of numbers that are stored in blocks, a row a whole number of them.
    package var blocks: (any StoredBlocks)?
    /// Which row of the file a row of the tensor is; of a vector each number is a row. Nil: the
    /// same.
    package var rowPlace: (@Sendable (_ row: Int) -> Int)?
    /// Elements of the file from row to row and from column to column, beginning with the first of
    /// `bytes`; of a vector its numbers are columns. Nil: the rows lie one behind the other.
    package var steps: TensorSteps?
    /// Writes a row as ``blocks`` has it, where the file has it otherwise.
    package var packRow: (@Sendable (_ row: Int, _ target: UnsafeMutableRawPointer) -> Void)?
    /// What is added to each number.
    package var offset: Float = 0
    /// The matrix as the file has it, where that is the other way round; nil: it is not.
    package internal(set) var turning: TurnedMatrix?
    /// Rows that are not the file's; nil: all are.
    package internal(set) var grown: GrownRows?

    init(name: String, shape: [Int], elementType: ElementType, bytes: UnsafeRawBufferPointer, file: MappedFile) {
        (self.name, self.shape, self.elementType, self.bytes, self.file) = (name, shape, elementType, bytes, file)
    }

    /// A tensor of a file in another form than safetensors.
    /// - Parameter bytes: as many as shape and type, or blocks, need.
    package init(
        name: String, shape: [Int], elementType: ElementType, bytes: UnsafeRawBufferPointer, file: MappedFile,
        blocks: (any StoredBlocks)?, rowPlace: (@Sendable (_ row: Int) -> Int)? = nil, offset: Float = 0
    ) {
        self.init(name: name, shape: shape, elementType: elementType, bytes: bytes, file: file)
        (self.blocks, self.rowPlace, self.offset) = (blocks, rowPlace, offset)
    }

    /// Some rows of the numbers taken as a matrix with so many columns, as a tensor of their own.
    /// - Precondition: ``isPlain``, or blocks of which rows are a whole number; the rows are there.
    package func rows(_ rows: Range<Int>, _ columns: Int, named name: String) -> StoredTensor {
        let rowBytes = blocks.map { columns / $0.blockLength * $0.blockByteCount } ?? columns * elementType.byteCount
        var piece = self
        (piece.name, piece.shape) = (name, [rows.count, columns])
        piece.bytes = UnsafeRawBufferPointer(rebasing: bytes[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes])
        return piece
    }

    package var elementCount: Int { shape.reduce(1, *) }

    /// Bytes of the file that are this tensor's alone; none where they are those of others that the
    /// file has too.
    package var ownByteCount: Int {
        if packRow != nil { return 0 }
        return steps == nil ? bytes.count : elementCount * elementType.byteCount
    }

    /// Whether the bytes are the numbers, one by one in their order.
    package var isPlain: Bool { blocks == nil && rowPlace == nil && steps == nil && turning == nil && offset == 0 && grown == nil }
}

/// A form of numbers in blocks, of which a row is a whole number.
package protocol StoredBlocks: Sendable {
    /// The form's name, for messages.
    var word: String { get }
    /// Numbers in a block, and its bytes.
    var blockLength: Int { get }
    var blockByteCount: Int { get }
    /// The numbers of some columns of a row.
    func decode(row: UnsafeRawPointer, columns: Range<Int>, into target: UnsafeMutablePointer<Float>)
}

extension StoredTensor {
    /// Numbers of a row of the file: of a matrix its columns, of a vector all or, where its numbers
    /// have other places, one.
    private var columns: Int {
        if shape.count > 1 { return shape.dropFirst().reduce(1, *) }
        return rowPlace == nil ? elementCount : 1
    }

    /// Writes some of the numbers, counted row by row, as float32.
    package func read(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        guard let start = bytes.baseAddress, !range.isEmpty else { return }
        if let grown { return grown.read(range, into: target) }
        if let turning { return turning.read(range, into: target) }
        if isPlain {
            return FloatConversion.widen(start + range.lowerBound * elementType.byteCount, elementType, count: range.count, into: target)
        }
        let columns = columns
        guard columns > 0 else { return }
        if let steps { return read(range, columns: columns, steps, from: start, into: target) }
        let rowBytes = blocks.map { columns / $0.blockLength * $0.blockByteCount } ?? columns * elementType.byteCount
        var (element, place) = (range.lowerBound, target)
        while element < range.upperBound {
            let (row, column) = element.quotientAndRemainder(dividingBy: columns)
            let part = column..<min(columns, column + range.upperBound - element)
            let source = start + (rowPlace?(row) ?? row) * rowBytes
            if let blocks, let packRow {
                withUnsafeTemporaryAllocation(byteCount: max(1, rowBytes), alignment: 16) { room in
                    guard let packed = room.baseAddress else { return }
                    packRow(row, packed)
                    blocks.decode(row: packed, columns: part, into: place)
                }
            } else if let blocks {
                blocks.decode(row: source, columns: part, into: place)
            } else {
                FloatConversion.widen(source + part.lowerBound * elementType.byteCount, elementType, count: part.count, into: place)
            }
            (element, place) = (element + part.count, place + part.count)
        }
        if offset != 0 { for index in 0..<range.count { target[index] += offset } }
    }

    /// All numbers as float32, row-major.
    package func floats() -> [Float] {
        let count = elementCount
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let target = buffer.baseAddress { read(0..<count, into: target) }
            initialized = count
        }
    }
}
