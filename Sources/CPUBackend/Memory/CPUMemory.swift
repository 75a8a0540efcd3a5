import Tensors
import Glibc
import Graph

/// The persistent memory of one job: blocks of our own and mapped weights where they are.
final class CPUPersistentMemory: PersistentMemory {
    let layout: PersistentLayout
    /// The address and size of each block.
    let blocks: [UnsafeMutableRawBufferPointer]
    private let owned: [AlignedMemory]

    init(_ layout: PersistentLayout, mapped: [Int: UnsafeRawBufferPointer]) throws(CPUError) {
        self.layout = layout
        var blocks: [UnsafeMutableRawBufferPointer] = []
        var owned: [AlignedMemory] = []
        for (index, block) in layout.blocks.enumerated() {
            guard let weight = block.mappedWeight else {
                let memory = try AlignedMemory(byteCount: block.byteCount)
                owned.append(memory)
                blocks.append(UnsafeMutableRawBufferPointer(start: memory.address, count: block.byteCount))
                continue
            }
            guard let bytes = mapped[index], bytes.count >= block.byteCount, let start = bytes.baseAddress else {
                throw .badMapping(weight: weight, byteCount: mapped[index]?.count ?? 0, expected: block.byteCount)
            }
            let elementBytes = layout.tensors[weight]?.type.elementType.byteCount ?? 1
            if UInt(bitPattern: start) % UInt(elementBytes) == 0 {
                blocks.append(UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: start), count: block.byteCount))
            } else {
                // A file may place a tensor at any byte; numbers across their own borders are read
                // from a copy.
                let memory = try AlignedMemory(byteCount: block.byteCount)
                memcpy(memory.address, start, block.byteCount)
                owned.append(memory)
                blocks.append(UnsafeMutableRawBufferPointer(start: memory.address, count: block.byteCount))
            }
        }
        self.blocks = blocks
        self.owned = owned
    }

    func write(_ bytes: UnsafeRawBufferPointer, to placement: Placement) throws {
        try transfer(placement, byteCount: bytes.count) { matrix, offset, rowBytes in
            guard let source = bytes.baseAddress else { return }
            for row in 0..<matrix.rows { memcpy(matrix.address(row), source + offset + row * rowBytes, rowBytes) }
        }
    }

    func read(_ placement: Placement, into bytes: UnsafeMutableRawBufferPointer) throws {
        try transfer(placement, byteCount: bytes.count) { matrix, offset, rowBytes in
            guard let target = bytes.baseAddress else { return }
            for row in 0..<matrix.rows { memcpy(target + offset + row * rowBytes, matrix.address(row), rowBytes) }
        }
    }

    func place(of part: TensorReference) -> UnsafeMutableRawBufferPointer? {
        guard part.space == .persistent, part.isContiguous, layout.blocks.indices.contains(part.block),
            layout.blocks[part.block].mappedWeight == nil,
            let matrix = try? MemoryMap.matrix(part, in: blocks, operation: "place")
        else { return nil }
        return UnsafeMutableRawBufferPointer(start: matrix.base, count: part.type.byteCount)
    }

    private func transfer(_ placement: Placement, byteCount: Int, _ copy: (Matrix, Int, Int) -> Void) throws {
        let expected = placement.pieces.reduce(0) { $0 + $1.type.byteCount }
        guard byteCount == expected else {
            throw CPUError.badTransfer(name: "a persistent tensor", byteCount: byteCount, expected: expected)
        }
        var offset = 0
        for piece in placement.pieces {
            if let block = layout.blocks.indices.contains(piece.block) ? layout.blocks[piece.block] : nil, let weight = block.mappedWeight {
                throw CPUError.badOperand(operation: "transfer", reason: "weight \(weight) lies in its file and is not transferred")
            }
            copy(try MemoryMap.matrix(piece, in: blocks, operation: "transfer"), offset, piece.columns * piece.elementType.byteCount)
            offset += piece.type.byteCount
        }
    }
}

/// Memory for values that live while a program runs.
final class CPUArena: Arena {
    let blocks: [Int]
    let memory: [AlignedMemory]

    init(blocks: [Int]) throws(CPUError) {
        self.blocks = blocks
        var memory: [AlignedMemory] = []
        for byteCount in blocks { memory.append(try AlignedMemory(byteCount: byteCount)) }
        self.memory = memory
    }

    func fill(_ byte: UInt8) throws {
        for (block, byteCount) in zip(memory, blocks) { memset(block.address, Int32(byte), byteCount) }
    }
}

/// From places in blocks to addresses, with every border checked.
struct MemoryMap {
    var persistent: [UnsafeMutableRawBufferPointer]
    var transient: [UnsafeMutableRawBufferPointer]
    var exchange: [UnsafeMutableRawBufferPointer]

    func matrix(_ reference: TensorReference, operation: String) throws(CPUError) -> Matrix {
        let blocks =
            switch reference.space {
            case .persistent: persistent
            case .transient: transient
            case .exchange: exchange
            }
        return try Self.matrix(reference, in: blocks, operation: operation)
    }

    static func matrix(_ reference: TensorReference, in blocks: [UnsafeMutableRawBufferPointer], operation: String) throws(CPUError)
        -> Matrix
    {
        let size = reference.elementType.byteCount
        guard blocks.indices.contains(reference.block), let base = blocks[reference.block].baseAddress,
            reference.rows >= 0, reference.columns >= 0, reference.rowStride >= reference.columns, reference.byteOffset >= 0,
            reference.byteOffset % size == 0
        else { throw .badOperand(operation: operation, reason: "an operand lies outside its memory: \(reference)") }
        let (rows, overflow1) = max(0, reference.rows - 1).multipliedReportingOverflow(by: reference.rowStride)
        let (elements, overflow2) = rows.addingReportingOverflow(reference.columns)
        let (bytes, overflow3) = elements.multipliedReportingOverflow(by: size)
        let (end, overflow4) = bytes.addingReportingOverflow(reference.byteOffset)
        guard !overflow1, !overflow2, !overflow3, !overflow4, end <= blocks[reference.block].count || reference.byteSpan == 0 else {
            throw .badOperand(operation: operation, reason: "an operand lies outside its memory: \(reference)")
        }
        return Matrix(
            base: base + reference.byteOffset, rows: reference.rows, columns: reference.columns, rowStride: reference.rowStride,
            elementType: reference.elementType)
    }
}
