import CProducts
import Quantization
import Tensors

/// Rows of a weight in the blocks of a GGUF file, read where they lie: by AVX-512 where the format
/// is known there, else as ``BlockFormat`` decodes them, with the same bits.
struct BlockRows: PartedRows {
    let format: BlockFormat
    /// Bytes.
    let matrix: Matrix
    let columns: Int
    private let number: UInt32
    private let isInC: Bool

    init(_ format: BlockFormat, _ matrix: Matrix) {
        (self.format, self.matrix) = (format, matrix)
        columns = matrix.columns / format.blockByteCount * format.blockLength
        number = format.number
        isInC = RowDots.isInC && tala_unpacks_blocks(format.number) != 0
    }

    var roomBeside: Int { 2 * format.blockLength }

    func unpack(
        _ rows: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, stride: Int, room: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            unpack(matrix.address(row), matrix.columns / format.blockByteCount, type, target + index * stride * type.byteCount, room)
        }
    }

    func unpack(
        _ row: Int, columns: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, room: UnsafeMutablePointer<Float>
    ) {
        let length = format.blockLength
        let blocks = columns.lowerBound / length..<(columns.upperBound + length - 1) / length
        let source = matrix.address(row, blocks.lowerBound * format.blockByteCount)
        let before = columns.lowerBound - blocks.lowerBound * length
        if before == 0, columns.count == blocks.count * length { return unpack(source, blocks.count, type, target, room) }
        unpack(source, blocks.count, .float32, UnsafeMutableRawPointer(room), room)
        RowConversion.narrow(room + before, to: target, type, count: columns.count)
    }

    private func unpack(
        _ blocks: UnsafeRawPointer, _ count: Int, _ type: ElementType, _ target: UnsafeMutableRawPointer,
        _ room: UnsafeMutablePointer<Float>
    ) {
        if type == .float32 {
            let numbers = target.assumingMemoryBound(to: Float.self)
            if isInC {
                tala_unpack_blocks(number, blocks, Int64(count), numbers)
            } else {
                format.decode(blocks, count: count, into: numbers)
            }
        } else if isInC, tala_has_bfloat16_products() != 0 {
            tala_unpack_blocks_bfloat16(number, blocks, Int64(count), target.assumingMemoryBound(to: UInt16.self))
        } else {
            format.decode(blocks, count: count, into: room)
            RowConversion.narrow(room, to: target, type, count: count * format.blockLength)
        }
    }
}

extension BlockRows: RegisterRows {
    var isInRegisters: Bool { isInC }
    var blockLength: Int { format.blockLength }
    var rowByteCount: Int { matrix.rowStride }

    func multiply(
        _ shape: UnsafePointer<tala_block_dots>, _ x: UnsafeRawPointer, isBFloat16: Bool, row: Int, _ sums: UnsafeMutablePointer<Float>
    ) {
        if isBFloat16 {
            tala_block_dots_bfloat16(number, shape, x.assumingMemoryBound(to: UInt16.self), matrix.address(row), sums)
        } else {
            tala_block_dots_float32(number, shape, x.assumingMemoryBound(to: Float.self), matrix.address(row), sums)
        }
    }
}
