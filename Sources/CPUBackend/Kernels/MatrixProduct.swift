import Glibc
import Graph
import Tensors

extension MatrixProduct: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        if isRowExact {
            return RowExactProductKernel(
                x: operands.inputs[0], weights: .matrix(operands.inputs[1]), addend: hasAddend ? operands.inputs[2] : nil,
                c: operands.outputs[0], scale: scale, products: operands.products)
        }
        let kernel = MatrixProductKernel(self, operands)
        kernel.prepare(operands.products)
        return kernel
    }

    func chainedProduct(_ operands: KernelOperands) -> MatrixProductKernel? { MatrixProductKernel(self, operands) }
}

/// `c = scale * op(a) * op(b) + addend`, in blocks of about 256 x 256 outputs that threads take one
/// by one.
///
/// Where a block product takes the operands as they lie, a block is one call. Otherwise operands
/// are widened block by block into the thread's scratch, and results that need scaling or another
/// element type, or that are summed in several pieces of `k`, are built there in float32.
final class MatrixProductKernel: Kernel {
    private let scale: Float
    private let (transposesA, transposesB): (Bool, Bool)
    private let (a, b, c): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    /// How the result is cut; a chain of products changes it before they are prepared.
    var tiles: ProductTiles
    let inner: Int
    private let innerStep: Int
    private let inputType: ElementType
    private let (convertsA, convertsB, isStaged): (Bool, Bool, Bool)
    /// Whether the scale is applied to `a` on its way into the thread's scratch, instead of to the
    /// results.
    private let scalesA: Bool
    /// For the first, the middle and the last piece of `k`: whole tiles, lower edge, right edge,
    /// corner.
    private var products: [[BlockProduct?]] = []
    private var productScratch = 0

    private static let longestInner = 6_144
    private static let splitInner = 4_096

    /// ``prepare(_:)`` must follow.
    init(_ operation: MatrixProduct, _ operands: KernelOperands) {
        (a, b, c) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[2] : nil
        scale = operation.scale
        (transposesA, transposesB) = (operation.transposesA, operation.transposesB)
        inner = transposesA ? a.rows : a.columns
        innerStep = inner > Self.longestInner ? Self.splitInner : max(1, inner)
        let native = a.elementType == .bfloat16 && b.elementType == .bfloat16 && operands.products.hasBfloat16
        inputType = native ? .bfloat16 : .float32
        convertsB = b.elementType != inputType
        // The tile of `a` is the smaller one where `k` is small, as in the second product of an
        // adapter. A bfloat16 number takes a power of two without rounding.
        scalesA = scale != 1 && inner < 64 && c.columns > 2 * inner && (!native || scale.significandBitPattern == 0)
        convertsA = a.elementType != inputType || scalesA
        let isDirectType = c.elementType == .float32 || (native && c.elementType == .bfloat16)
        isStaged = (scale != 1 && !scalesA) || !isDirectType || (inner > innerStep && c.elementType != .float32)
        let preference: ProductTiles.Preference = convertsB ? .tall : transposesB && !transposesA && !isStaged ? .wide : .none
        let packing: ProductTiles.Packing = !native ? .oneDNN : transposesA ? .bfloat16Transposed : .bfloat16
        tiles = ProductTiles(m: c.rows, n: c.columns, k: inner, preference, packing: packing)
        super.init()
    }

    /// Makes the block products that the tiles need.
    func prepare(_ library: ProductLibrary) {
        guard inner > 0, tiles.count > 0 else { return }
        let pieces = (inner + innerStep - 1) / innerStep
        let startsFromAddend = addend != nil && !isStaged
        let kinds: [(k: Int, accumulates: Bool)?] = [
            (min(inner, innerStep), startsFromAddend),
            pieces > 2 ? (innerStep, true) : nil,
            pieces > 1 ? (inner - (pieces - 1) * innerStep, true) : nil,
        ]
        for kind in kinds {
            var edges: [BlockProduct?] = []
            for edge in 0..<4 {
                let m = edge & 1 == 0 ? tiles.height : tiles.lastHeight
                let n = edge & 2 == 0 ? tiles.width : tiles.lastWidth
                guard let kind, (edge & 1 == 0 || m != tiles.height), (edge & 2 == 0 || n != tiles.width) else {
                    edges.append(nil)
                    continue
                }
                let shape = BlockProductShape(
                    m: m, n: n, k: kind.k, transposesA: transposesA, transposesB: transposesB,
                    strideA: convertsA ? (transposesA ? tiles.height : innerStep) : a.rowStride,
                    strideB: convertsB ? (transposesB ? innerStep : tiles.width) : b.rowStride,
                    strideC: isStaged ? tiles.width : c.rowStride, inputType: inputType, outputType: isStaged ? .float32 : c.elementType,
                    accumulates: kind.accumulates)
                let product = library.product(shape)
                productScratch = max(productScratch, product.scratchByteCount)
                edges.append(product)
            }
            products.append(edges)
        }
    }

    override func blockCount(_ phase: Int) -> Int { tiles.count }

    private var stageBytes: Int { isStaged || inner == 0 ? RowBuffer.byteCount(tiles.height * tiles.width) : 0 }
    private var aBytes: Int {
        convertsA ? RowBuffer.byteCount(tiles.height * innerStep) + RowBuffer.byteCount(max(tiles.height, innerStep)) : 0
    }
    private var bBytes: Int { convertsB ? RowBuffer.byteCount(tiles.width * innerStep) : 0 }
    private var rowBytes: Int { 2 * RowBuffer.byteCount(tiles.width) }

    override var scratchByteCount: Int { stageBytes + aBytes + bBytes + rowBytes + productScratch }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (top, left) = (block % tiles.down * tiles.height, block / tiles.down * tiles.width)
        let height = min(tiles.height, c.rows - top)
        let width = min(tiles.width, c.columns - left)
        let stage = workspace.scratch
        let aBuffer = stage + stageBytes
        let bBuffer = aBuffer + aBytes
        let rowBuffer = bBuffer + bBytes
        let productBuffer = rowBuffer + rowBytes
        if inner == 0 {
            memset(stage, 0, height * tiles.width * 4)
            return finish(top, left, height, width, stage, rowBuffer)
        }
        if !isStaged, let addend, addend.base != c.base {
            for row in top..<top + height { memcpy(c.address(row, left), addend.address(row, left), width * c.elementType.byteCount) }
        }
        let edge = (height == tiles.height ? 0 : 1) + (width == tiles.width ? 0 : 2)
        let target = isStaged ? stage : c.address(top, left)
        var start = 0
        while start < inner {
            let length = min(innerStep, inner - start)
            let kind = start == 0 ? 0 : (start + length == inner ? 2 : 1)
            let aAddress =
                convertsA
                ? copyA(
                    transposesA ? (start, length, top, height) : (top, height, start, length), aBuffer,
                    transposesA ? tiles.height : innerStep)
                : transposesA ? a.address(start, top) : a.address(top, start)
            let bAddress =
                convertsB
                ? widen(
                    b, transposesB ? (left, width, start, length) : (start, length, left, width), bBuffer,
                    transposesB ? innerStep : tiles.width)
                : transposesB ? b.address(left, start) : b.address(start, left)
            // invariant: prepare made the product of every kind and edge that the tiles have.
            if let product = products[kind][edge] {
                let status = product.run(aAddress, bAddress, target, scratch: productBuffer, thread: workspace.thread)
                if status != 0 { workspace.failure.pointee = status }
            }
            start += length
        }
        if isStaged { finish(top, left, height, width, stage, rowBuffer) }
    }

    /// A part of `a` in the products' type, scaled if that is where the scale goes.
    private func copyA(_ part: (row: Int, rows: Int, column: Int, columns: Int), _ buffer: UnsafeMutableRawPointer, _ stride: Int)
        -> UnsafeMutableRawPointer
    {
        if !scalesA { return widen(a, part, buffer, stride) }
        let elementBytes = inputType.byteCount
        // Room for one row of float32 numbers stands behind the part.
        let floats = (buffer + RowBuffer.byteCount(tiles.height * innerStep)).assumingMemoryBound(to: Float.self)
        for row in 0..<part.rows {
            RowConversion.widen(a.address(part.row + row, part.column), a.elementType, to: floats, count: part.columns)
            RowScale.multiply(floats, by: scale, part.columns)
            RowConversion.narrow(floats, to: buffer + row * stride * elementBytes, inputType, count: part.columns)
        }
        return buffer
    }

    private func widen(
        _ matrix: Matrix, _ part: (row: Int, rows: Int, column: Int, columns: Int), _ buffer: UnsafeMutableRawPointer, _ stride: Int
    ) -> UnsafeMutableRawPointer {
        let target = buffer.assumingMemoryBound(to: Float.self)
        for row in 0..<part.rows {
            RowConversion.widen(
                matrix.address(part.row + row, part.column), matrix.elementType, to: target + row * stride, count: part.columns)
        }
        return buffer
    }

    /// Scales the float32 results, adds the addend, and stores them.
    private func finish(
        _ top: Int, _ left: Int, _ height: Int, _ width: Int, _ stage: UnsafeMutableRawPointer, _ rowBuffer: UnsafeMutableRawPointer
    ) {
        let sums = stage.assumingMemoryBound(to: Float.self)
        let buffer = rowBuffer.assumingMemoryBound(to: Float.self)
        let factor = Vector.broadcast(scalesA ? 1 : scale)
        for row in 0..<height {
            let source = sums + row * tiles.width
            let isFloat = c.elementType == .float32
            let target = isFloat ? c.floats(top + row, left) : source
            if let addend {
                var other = buffer
                if isFloat {
                    other = addend.floats(top + row, left)
                } else {
                    RowConversion.widen(addend.address(top + row, left), addend.elementType, to: buffer, count: width)
                }
                var i = 0
                while i + 16 <= width {
                    store(load(other + i).addingProduct(load(source + i), factor), target + i)
                    i += 16
                }
                if i < width {
                    storePart(loadPart(other + i, width - i).addingProduct(loadPart(source + i, width - i), factor), target + i, width - i)
                }
            } else {
                var i = 0
                while i + 16 <= width {
                    store(load(source + i) * factor, target + i)
                    i += 16
                }
                if i < width { storePart(loadPart(source + i, width - i) * factor, target + i, width - i) }
            }
            if !isFloat { RowConversion.narrow(target, to: c.address(top + row, left), c.elementType, count: width) }
        }
    }
}
