import GGUFModels
import Quantization
import Tensors

/// Rows of MXFP4 as transformers' checkpoints have them: exponents in a tensor of their own, and of
/// two neighbouring numbers the first in the lower half of a byte. GGUF files, whose blocks the
/// kernels read, have the exponent before each block, and two numbers sixteen apart in a byte. No
/// number changes on the way.
struct MicroscaledRows: @unchecked Sendable {
    private let codes: UnsafeRawPointer
    private let exponents: UnsafeRawPointer
    private let blockCount: Int
    /// Keeps the bytes mapped.
    private let files: (StoredTensor, StoredTensor)

    static let blockLength = 32
    private static let codeBytes = 16

    /// - Parameters:
    ///   - codes: `[..., rows, blocks, 16]` uint8.
    ///   - exponents: `[..., rows, blocks]` uint8.
    /// - Returns: nil where they do not fit together.
    init?(codes: StoredTensor, exponents: StoredTensor, blockCount: Int) {
        guard codes.elementType == .uint8, exponents.elementType == .uint8, codes.isPlain, exponents.isPlain,
            codes.shape == exponents.shape + [Self.codeBytes], exponents.shape.last == blockCount,
            codes.bytes.count == codes.elementCount, exponents.bytes.count == exponents.elementCount,
            let first = codes.bytes.baseAddress, let second = exponents.bytes.baseAddress
        else { return nil }
        (self.codes, self.exponents, self.blockCount, files) = (first, second, blockCount, (codes, exponents))
    }

    /// Writes a row's blocks as GGUF files have them.
    func pack(_ row: Int, into target: UnsafeMutableRawPointer) {
        var source = codes + row * blockCount * Self.codeBytes
        var place = target
        for block in 0..<blockCount {
            place.storeBytes(of: exponents.load(fromByteOffset: row * blockCount + block, as: UInt8.self), as: UInt8.self)
            let low = source.loadUnaligned(as: SIMD8<UInt8>.self)
            let high = source.loadUnaligned(fromByteOffset: 8, as: SIMD8<UInt8>.self)
            // Number 2i stands in the lower half of byte i, 2i + 1 in the upper one.
            let even = (low & 0x0F) | (high &<< 4)
            let odd = (low &>> 4) | (high & 0xF0)
            for index in 0..<8 {
                place.storeBytes(of: even[index], toByteOffset: 1 + 2 * index, as: UInt8.self)
                place.storeBytes(of: odd[index], toByteOffset: 2 + 2 * index, as: UInt8.self)
            }
            (source, place) = (source + Self.codeBytes, place + 1 + Self.codeBytes)
        }
    }
}

extension JoinedTensor {
    /// The parts of a tensor that is stored as codes and exponents, whose rows are the parts' one
    /// after the other in turns.
    /// - Returns: nil where these do not have the shapes that belong to it.
    func takenApart(codes: StoredTensor, exponents: StoredTensor) -> [StoredTensor]? {
        // Each slice is `[inputs, outputs]` of this tensor, and `[outputs, inputs]` there.
        guard shape.count == 3, let inputs = slices.first?.first?.shape.last, inputs % MicroscaledRows.blockLength == 0,
            shape[1] == inputs, exponents.shape == [shape[0], shape[2], inputs / MicroscaledRows.blockLength],
            let rows = MicroscaledRows(codes: codes, exponents: exponents, blockCount: inputs / MicroscaledRows.blockLength)
        else { return nil }
        let outputs = shape[2]
        let sliceBytes = codes.bytes.count / max(1, shape[0])
        return slices.enumerated().flatMap { index, parts in
            parts.map { part -> StoredTensor in
                let (first, step) = (index * outputs + part.first, part.steps.row)
                var tensor = StoredTensor(
                    name: part.name, shape: part.shape, elementType: .bfloat16,
                    bytes: UnsafeRawBufferPointer(rebasing: codes.bytes[index * sliceBytes..<(index + 1) * sliceBytes]),
                    file: codes.file, blocks: BlockFormat.mxfp4)
                tensor.packRow = { row, target in rows.pack(first + row * step, into: target) }
                return tensor
            }
        }
    }
}
