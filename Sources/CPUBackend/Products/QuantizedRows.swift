import CProducts
import Quantization
import Tensors

/// Rows of a quantised weight: by AVX-512 where rows are whole blocks, else number by number.
struct QuantizedRows: PartedRows {
    let weight: QuantizedWeight
    let columns: Int
    private let isInC: Bool

    init(_ layout: QuantizedLayout, _ base: UnsafeRawPointer, columns: Int) {
        weight = QuantizedWeight(layout, base)
        self.columns = columns
        isInC = RowDots.isInC && columns % layout.format.blockLength == 0
    }

    func unpack(
        _ rows: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, stride: Int, room: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            unpack(row, columns: 0..<columns, as: type, to: target + index * stride * type.byteCount, room: room)
        }
    }

    var roomBeside: Int { 0 }

    func unpack(
        _ row: Int, columns part: Range<Int>, as type: ElementType, to target: UnsafeMutableRawPointer, room: UnsafeMutablePointer<Float>
    ) {
        let length = weight.layout.format.blockLength
        let elements = row * columns + part.lowerBound..<row * columns + part.upperBound
        if isInC, part.lowerBound % length == 0, part.count % length == 0, type == .float32 || tala_has_bfloat16_products() != 0 {
            unpackBlocks(elements.lowerBound / length, part.count / length, type, target)
        } else if type == .float32 {
            weight.dequantize(elements, into: target.assumingMemoryBound(to: Float.self))
        } else {
            weight.dequantize(elements, into: room)
            RowConversion.narrow(room, to: target, type, count: part.count)
        }
    }

    private func unpackBlocks(_ first: Int, _ count: Int, _ type: ElementType, _ target: UnsafeMutableRawPointer) {
        let layout = weight.layout
        switch layout.format {
        case .q8:
            let codes = (weight.base + layout.codeWord * 4 + first * layout.format.blockLength).assumingMemoryBound(to: Int8.self)
            let scales = (weight.base + layout.scaleWord * 4).assumingMemoryBound(to: UInt16.self) + first
            if type == .float32 {
                tala_unpack_q8(codes, scales, Int64(count), target.assumingMemoryBound(to: Float.self))
            } else {
                tala_unpack_q8_bfloat16(codes, scales, Int64(count), target.assumingMemoryBound(to: UInt16.self))
            }
        case .nf4:
            func floats(_ word: Int) -> UnsafePointer<Float> { (weight.base + word * 4).assumingMemoryBound(to: Float.self) }
            func bytes(_ word: Int) -> UnsafePointer<UInt8> { (weight.base + word * 4).assumingMemoryBound(to: UInt8.self) }
            var parts = tala_nf4(
                values: floats(QuantizedLayout.valueWord), scale_values: floats(QuantizedLayout.scaleValueWord),
                groups: floats(layout.groupWord), mean: floats(QuantizedLayout.meanWord)[0], scale_codes: bytes(layout.scaleWord),
                codes: bytes(layout.codeWord))
            withUnsafePointer(to: &parts) {
                if type == .float32 {
                    tala_unpack_nf4($0, Int64(first), Int64(count), target.assumingMemoryBound(to: Float.self))
                } else {
                    tala_unpack_nf4_bfloat16($0, Int64(first), Int64(count), target.assumingMemoryBound(to: UInt16.self))
                }
            }
        }
    }
}
