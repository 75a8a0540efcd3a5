import Glibc
import Graph
import Quantization
import Tensors

extension QuantizedProduct: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        let (x, c) = (operands.inputs[0], operands.outputs[0])
        let addend = hasAddend ? operands.inputs[2] : nil
        let rows: any PartedRows & RegisterRows
        switch format {
        case .words(let format):
            let layout = QuantizedLayout(format, elementCount: outputs * inputs)
            let quantized = QuantizedRows(layout, operands.inputs[1].base, columns: inputs)
            if ByteProductKernel.suits(self, x, operands.products) {
                return ByteProductKernel(x: x, weight: quantized.weight, addend: addend, c: c)
            }
            rows = quantized
        case .blocks(let format): rows = BlockRows(format, operands.inputs[1])
        }
        if isRowExact, FewRowProductKernel.suits(x, rows, operands.products) {
            return FewRowProductKernel(x: x, weight: rows, addend: addend, c: c)
        }
        if isRowExact {
            return RowExactProductKernel(x: x, weights: .stored(rows), addend: addend, c: c, products: operands.products)
        }
        return QuantizedProductKernel(self, rows, operands)
    }
}

/// `c = x * op(W) + addend` with a quantised `W`: tiles of outputs, for each of which its part of
/// the weight is dequantised once into the thread's scratch, in the type that the product is
/// computed from.
///
/// Tiles are as tall as 512 rows, so a weight is dequantised once for every 512 tokens. Each sum
/// runs over the same pieces of the inner size whatever the number of threads.
final class QuantizedProductKernel: Kernel {
    private let (x, c): (Matrix, Matrix)
    private let addend: Matrix?
    private let weight: any PartedRows
    private let transposesWeight: Bool
    private let tiles: ProductTiles
    private let inner: Int
    private let innerStep: Int
    private let inputType: ElementType
    private let (convertsX, isStaged): (Bool, Bool)
    /// For whole tiles, lower edge, right edge, corner: the first piece of `k`, a middle one, the
    /// last one.
    private var products: [[BlockProduct?]] = []
    private var productScratch = 0

    private static let longestInner = 4_096

    init(_ operation: QuantizedProduct, _ weight: any PartedRows, _ operands: KernelOperands) {
        (x, c) = (operands.inputs[0], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[2] : nil
        self.weight = weight
        transposesWeight = operation.transposesWeight
        inner = x.columns
        innerStep = max(1, min(inner, Self.longestInner))
        let native = x.elementType == .bfloat16 && operands.products.hasBfloat16
        inputType = native ? .bfloat16 : .float32
        convertsX = x.elementType != inputType
        isStaged = !(c.elementType == .float32 || (native && c.elementType == .bfloat16 && inner <= innerStep))
        tiles = ProductTiles(m: c.rows, n: c.columns, k: inner, .tall)
        super.init()
        guard inner > 0, tiles.count > 0 else { return }
        prepare(operands.products)
    }

    private func prepare(_ library: ProductLibrary) {
        let pieces = (inner + innerStep - 1) / innerStep
        for edge in 0..<4 {
            let m = edge & 1 == 0 ? tiles.height : tiles.lastHeight
            let n = edge & 2 == 0 ? tiles.width : tiles.lastWidth
            var made: [BlockProduct?] = [nil, nil, nil]
            for piece in Set([0, min(1, pieces - 1), pieces - 1]) {
                let k = min(innerStep, inner - piece * innerStep)
                let shape = BlockProductShape(
                    m: m, n: n, k: k, transposesA: false, transposesB: transposesWeight, strideA: convertsX ? innerStep : x.rowStride,
                    strideB: transposesWeight ? innerStep : tiles.width, strideC: isStaged ? tiles.width : c.rowStride,
                    inputType: inputType,
                    outputType: isStaged ? .float32 : c.elementType, accumulates: piece > 0 || (addend != nil && !isStaged))
                let product = library.product(shape)
                productScratch = max(productScratch, product.scratchByteCount)
                made[kind(ofPiece: piece)] = product
            }
            products.append(made)
        }
    }

    private func kind(ofPiece piece: Int) -> Int { piece == 0 ? 0 : (piece + 1) * innerStep >= inner ? 2 : 1 }

    override func blockCount(_ phase: Int) -> Int { tiles.count }

    private var stageBytes: Int { isStaged || inner == 0 ? RowBuffer.byteCount(tiles.height * tiles.width) : 0 }
    private var xBytes: Int { convertsX ? RowBuffer.byteCount(tiles.height * innerStep) : 0 }
    private var weightBytes: Int { RowBuffer.byteCount(tiles.width * innerStep) }
    private var rowBytes: Int { RowBuffer.byteCount(max(tiles.width, innerStep) + weight.roomBeside) }

    override var scratchByteCount: Int { stageBytes + xBytes + weightBytes + rowBytes + productScratch }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (top, left) = (block % tiles.down * tiles.height, block / tiles.down * tiles.width)
        let height = min(tiles.height, c.rows - top)
        let width = min(tiles.width, c.columns - left)
        let stage = workspace.scratch
        let xBuffer = stage + stageBytes
        let weightBuffer = xBuffer + xBytes
        let row = (weightBuffer + weightBytes).assumingMemoryBound(to: Float.self)
        let productBuffer = weightBuffer + weightBytes + rowBytes
        if inner == 0 { memset(stage, 0, height * tiles.width * 4) }
        if !isStaged, inner > 0, let addend, addend.base != c.base {
            for row in top..<top + height { memcpy(c.address(row, left), addend.address(row, left), width * c.elementType.byteCount) }
        }
        let edge = (height == tiles.height ? 0 : 1) + (width == tiles.width ? 0 : 2)
        let target = isStaged ? stage : c.address(top, left)
        for piece in 0..<(inner + innerStep - 1) / innerStep {
            let start = piece * innerStep
            let length = min(innerStep, inner - start)
            if transposesWeight {
                dequantize(rows: left..<left + width, columns: start..<start + length, weightBuffer, stride: innerStep, row)
            } else {
                dequantize(rows: start..<start + length, columns: left..<left + width, weightBuffer, stride: tiles.width, row)
            }
            var left = x.address(top, start)
            if convertsX {
                let floats = xBuffer.assumingMemoryBound(to: Float.self)
                for index in 0..<height {
                    RowConversion.widen(x.address(top + index, start), x.elementType, to: floats + index * innerStep, count: length)
                }
                left = xBuffer
            }
            // invariant: prepare made the product of every kind and edge that the tiles have.
            if let product = products[edge][kind(ofPiece: piece)] {
                let status = product.run(left, weightBuffer, target, scratch: productBuffer, thread: workspace.thread)
                if status != 0 { workspace.failure.pointee = status }
            }
        }
        if isStaged || inner == 0 { finish(top, left, height, width, stage, row) }
    }

    /// A part of the weight in the products' type.
    private func dequantize(
        rows: Range<Int>, columns: Range<Int>, _ buffer: UnsafeMutableRawPointer, stride: Int, _ floats: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            let target = buffer + index * stride * inputType.byteCount
            weight.unpack(row, columns: columns, as: inputType, to: target, room: floats)
            // The weight has the activations' type, also where the product is computed from wider
            // numbers.
            if inputType == .float32, x.elementType != .float32 {
                let numbers = target.assumingMemoryBound(to: Float.self)
                RowConversion.narrow(numbers, to: floats, x.elementType, count: columns.count)
                RowConversion.widen(floats, x.elementType, to: numbers, count: columns.count)
            }
        }
    }

    /// Adds the addend to the float32 results and stores them.
    private func finish(
        _ top: Int, _ left: Int, _ height: Int, _ width: Int, _ stage: UnsafeMutableRawPointer, _ buffer: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<height {
            let sums = stage.assumingMemoryBound(to: Float.self) + row * tiles.width
            if let addend {
                RowConversion.widen(addend.address(top + row, left), addend.elementType, to: buffer, count: width)
                for index in 0..<width { sums[index] += buffer[index] }
            }
            RowConversion.narrow(sums, to: c.address(top + row, left), c.elementType, count: width)
        }
    }
}
