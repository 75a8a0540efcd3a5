import CProducts
import Quantization
import Tensors

/// Rows of a quantised weight: by AVX-512 where rows are whole blocks, else number by number.
struct QuantizedRows: PartedRows {
    let weight: QuantizedWeight
    let columns: Int
    private let isInC: Bool
    private let parts: Parts

    init(_ layout: QuantizedLayout, _ base: UnsafeRawPointer, columns: Int) {
        weight = QuantizedWeight(layout, base)
        parts = Parts(weight)
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
        let (first, count) = (Int64(first), Int64(count))
        switch (parts, type) {
        case (.q8(var weight), .float32): tala_unpack_q8(&weight, first, count, target.assumingMemoryBound(to: Float.self))
        case (.q8(var weight), _): tala_unpack_q8_bfloat16(&weight, first, count, target.assumingMemoryBound(to: UInt16.self))
        case (.nf4(var weight), .float32): tala_unpack_nf4(&weight, first, count, target.assumingMemoryBound(to: Float.self))
        case (.nf4(var weight), _): tala_unpack_nf4_bfloat16(&weight, first, count, target.assumingMemoryBound(to: UInt16.self))
        }
    }

    /// Where a weight's parts lie, as the functions in C take them: what lies there may come later.
    private enum Parts {
        case q8(tala_q8)
        case nf4(tala_nf4)

        init(_ weight: QuantizedWeight) {
            let layout = weight.layout
            func floats(_ word: Int) -> UnsafePointer<Float> { (weight.base + word * 4).assumingMemoryBound(to: Float.self) }
            func bytes(_ word: Int) -> UnsafePointer<UInt8> { (weight.base + word * 4).assumingMemoryBound(to: UInt8.self) }
            switch layout.format {
            case .q8:
                self = .q8(
                    tala_q8(
                        codes: (weight.base + layout.codeWord * 4).assumingMemoryBound(to: Int8.self),
                        scales: (weight.base + layout.scaleWord * 4).assumingMemoryBound(to: UInt16.self)))
            case .nf4:
                self = .nf4(
                    tala_nf4(
                        values: floats(QuantizedLayout.valueWord), scale_values: floats(QuantizedLayout.scaleValueWord),
                        groups: floats(layout.groupWord), mean: floats(QuantizedLayout.meanWord), scale_codes: bytes(layout.scaleWord),
                        codes: bytes(layout.codeWord)))
            }
        }
    }
}

extension QuantizedRows: RegisterRows {
    var isInRegisters: Bool { isInC }
    var blockLength: Int { weight.layout.format.blockLength }
    var rowByteCount: Int {
        switch weight.layout.format {
        case .q8: columns
        case .nf4: columns / 2
        }
    }

    func multiply(
        _ shape: UnsafePointer<tala_block_dots>, _ x: UnsafeRawPointer, isBFloat16: Bool, row: Int, _ sums: UnsafeMutablePointer<Float>
    ) {
        let row = Int64(row)
        let (singles, pairs) = (x.assumingMemoryBound(to: Float.self), x.assumingMemoryBound(to: UInt16.self))
        switch (parts, isBFloat16) {
        case (.q8(var weight), false): tala_q8_dots_float32(shape, singles, &weight, row, sums)
        case (.q8(var weight), true): tala_q8_dots_bfloat16(shape, pairs, &weight, row, sums)
        case (.nf4(var weight), false): tala_nf4_dots_float32(shape, singles, &weight, row, sums)
        case (.nf4(var weight), true): tala_nf4_dots_bfloat16(shape, pairs, &weight, row, sums)
        }
    }
}
