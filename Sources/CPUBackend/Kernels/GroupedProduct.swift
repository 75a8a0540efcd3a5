import Glibc
import Graph
import Quantization
import Tensors

extension GroupedProduct: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        let rows: (any PartedRows)?
        switch format {
        case .words(let format):
            let layout = QuantizedLayout(format, elementCount: groupCount * outputs * inputs)
            rows = QuantizedRows(layout, operands.inputs[1].base, columns: inputs)
        case .blocks(let format): rows = BlockRows(format, operands.inputs[1])
        case nil: rows = nil
        }
        return isRowExact ? GroupedDotsKernel(self, rows, operands) : GroupedProductKernel(self, rows, operands)
    }
}

/// `c = scale * x * op(W(g)) + addend`: tiles of the rows of one group by some columns, for each of
/// which its part of the weight is unpacked or widened once, where it is not multiplied as it lies.
///
/// Where the processor multiplies bfloat16 a tile's rows are multiplied where they are, as many as
/// there are. Products of float32 are prepared for some numbers of rows: the rows of a tile are
/// copied and filled up to the next of these.
final class GroupedProductKernel: Kernel {
    private let operation: GroupedProduct
    private let (x, weight, c): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let stored: (any PartedRows)?
    private let tiles: GroupedTiles
    private let (inner, innerStep): (Int, Int)
    private let (height, width, across): (Int, Int, Int)
    private let isNative: Bool
    private let (convertsX, convertsWeight, isStaged): (Bool, Bool, Bool)
    /// Of products of float32: by piece of the inner size, by width, by height.
    private var products: [[[BlockProduct]]] = []
    private var productScratch = 0
    /// Rows of sums that a tile may have.
    private var stageHeight = 0

    private static let longestInner = 4_096
    /// Rows of a tile: of float32 those that products are prepared for.
    private static let nativeHeight = 512
    private static let heights = [16, 32, 64, 96, 128]
    private static let widest = 256

    init(_ operation: GroupedProduct, _ stored: (any PartedRows)?, _ operands: KernelOperands) {
        self.operation = operation
        self.stored = stored
        (x, weight, c) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[3] : nil
        isNative = x.elementType == .bfloat16 && operands.products.hasBfloat16
        let inputType: ElementType = isNative ? .bfloat16 : .float32
        inner = x.columns
        innerStep = min(inner, Self.longestInner)
        height = isNative ? Self.nativeHeight : Self.heights[Self.heights.count - 1]
        tiles = GroupedTiles(operands.inputs[2], rowCount: x.rows, height: height)
        // Equal parts of the columns, some more where there are few tiles.
        let wanted = max((c.columns + Self.widest - 1) / Self.widest, min(c.columns / 64, 16 / max(1, tiles.count)), 1)
        width = min(c.columns, ((c.columns + wanted - 1) / wanted + 31) / 32 * 32)
        across = (c.columns + width - 1) / width
        convertsX = !isNative
        convertsWeight = stored != nil || weight.elementType != inputType
        let isDirect = c.elementType == .float32 || (c.elementType == .bfloat16 && inner <= innerStep)
        isStaged = !isNative || operation.scale != 1 || !isDirect
        super.init()
        guard x.rows > 0 else { return }
        prepare(operands.products)
    }

    private var lastWidth: Int { c.columns - (across - 1) * width }
    private var pieces: Int { (inner + innerStep - 1) / innerStep }

    private func prepare(_ library: ProductLibrary) {
        if isNative {
            stageHeight = min(height, x.rows)
            // What a product needs does not grow with fewer rows or columns.
            for piece in Set([0, pieces - 1]) {
                let shape = nativeShape(rows: min(height, x.rows), columns: width, piece: piece)
                productScratch = max(productScratch, BFloat16Product(shape).scratchByteCount)
            }
            return
        }
        let heights = Self.heights.filter { $0 < x.rows } + Self.heights.filter { $0 >= x.rows }.prefix(1)
        stageHeight = heights[heights.count - 1]
        for piece in 0..<min(3, pieces) {
            let k = length(ofPiece: piece == 2 ? pieces - 1 : piece)
            products.append(
                [width, lastWidth].map { columns in
                    heights.map { rows in
                        let shape = BlockProductShape(
                            m: rows, n: columns, k: k, transposesA: false, transposesB: operation.transposesWeight, strideA: innerStep,
                            strideB: strideOfWeight, strideC: width, inputType: .float32, outputType: .float32, accumulates: piece > 0)
                        let product = library.product(shape)
                        productScratch = max(productScratch, product.scratchByteCount)
                        return product
                    }
                })
        }
    }

    private func length(ofPiece piece: Int) -> Int { min(innerStep, inner - piece * innerStep) }

    private var strideOfWeight: Int {
        convertsWeight ? (operation.transposesWeight ? innerStep : width) : weight.rowStride
    }

    private func nativeShape(rows: Int, columns: Int, piece: Int) -> BlockProductShape {
        BlockProductShape(
            m: rows, n: columns, k: length(ofPiece: piece), transposesA: false, transposesB: operation.transposesWeight,
            strideA: x.rowStride, strideB: strideOfWeight, strideC: isStaged ? width : c.rowStride, inputType: .bfloat16,
            outputType: isStaged ? .float32 : c.elementType, accumulates: piece > 0 || (addend != nil && !isStaged))
    }

    override func blockCount(_ phase: Int) -> Int { tiles.count * across }

    private var stageBytes: Int { isStaged ? RowBuffer.byteCount(stageHeight * width) : 0 }
    private var xBytes: Int { convertsX ? RowBuffer.byteCount(height * innerStep) : 0 }
    private var weightBytes: Int { convertsWeight ? RowBuffer.byteCount(width * innerStep) : 0 }
    private var rowBytes: Int { RowBuffer.byteCount(max(width, innerStep) + (stored?.roomBeside ?? 0)) }

    override var scratchByteCount: Int { stageBytes + xBytes + weightBytes + rowBytes + productScratch }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        guard let (group, rows) = tiles.tile(block / across) else { return }
        let left = block % across * width
        let columns = left..<min(c.columns, left + width)
        let stage = workspace.scratch
        let xBuffer = stage + stageBytes
        let weightBuffer = xBuffer + xBytes
        let row = (weightBuffer + weightBytes).assumingMemoryBound(to: Float.self)
        let productBuffer = weightBuffer + weightBytes + rowBytes
        if !isStaged, let addend, addend.base != c.base {
            let byteCount = columns.count * c.elementType.byteCount
            for row in rows { memcpy(c.address(row, left), addend.address(row, left), byteCount) }
        }
        for piece in 0..<pieces {
            let part = piece * innerStep..<piece * innerStep + length(ofPiece: piece)
            let factor = weightPart(group, part, columns, weightBuffer, row)
            if isNative {
                let shape = nativeShape(rows: rows.count, columns: columns.count, piece: piece)
                let target = isStaged ? stage : c.address(rows.lowerBound, left)
                BFloat16Product.run(shape, x.address(rows.lowerBound, part.lowerBound), factor, target, scratch: productBuffer)
            } else {
                let kind = piece == 0 ? 0 : piece == pieces - 1 ? products.count - 1 : 1
                let made = products[kind][columns.count == width ? 0 : 1]
                // invariant: there is a product for as many rows as a tile may have.
                guard let product = made.first(where: { $0.shape.m >= rows.count }) else { return }
                copyRows(rows, part, filledTo: product.shape.m, xBuffer)
                let status = product.run(xBuffer, factor, stage, scratch: productBuffer, thread: workspace.thread)
                if status != 0 { workspace.failure.pointee = status }
            }
        }
        if isStaged { finish(rows, columns, stage, row) }
    }

    /// The part of a group's weight that meets columns `inner` of the rows and gives `columns`.
    private func weightPart(
        _ group: Int, _ inner: Range<Int>, _ columns: Range<Int>, _ buffer: UnsafeMutableRawPointer, _ floats: UnsafeMutablePointer<Float>
    ) -> UnsafeRawPointer {
        let first = group * operation.outputs
        let (rows, part) = operation.transposesWeight ? (columns, inner) : (inner, columns)
        guard convertsWeight else { return UnsafeRawPointer(weight.address(first + rows.lowerBound, part.lowerBound)) }
        let type: ElementType = isNative ? .bfloat16 : .float32
        for (index, row) in rows.enumerated() {
            let target = buffer + index * strideOfWeight * type.byteCount
            if let stored {
                stored.unpack(first + row, columns: part, as: type, to: target, room: floats)
            } else if isNative {
                RowConversion.widen(weight.address(first + row, part.lowerBound), weight.elementType, to: floats, count: part.count)
                RowConversion.narrow(floats, to: target, type, count: part.count)
            } else {
                RowConversion.widen(
                    weight.address(first + row, part.lowerBound), weight.elementType, to: target.assumingMemoryBound(to: Float.self),
                    count: part.count)
            }
            // A weight of few bits has the rows' type, also where products are computed from wider
            // numbers.
            if stored != nil, !isNative, x.elementType != .float32 {
                let numbers = target.assumingMemoryBound(to: Float.self)
                RowConversion.narrow(numbers, to: floats, x.elementType, count: part.count)
                RowConversion.widen(floats, x.elementType, to: numbers, count: part.count)
            }
        }
        return UnsafeRawPointer(buffer)
    }

    /// Rows as float32, and zeros behind them.
    private func copyRows(_ rows: Range<Int>, _ part: Range<Int>, filledTo count: Int, _ buffer: UnsafeMutableRawPointer) {
        let target = buffer.assumingMemoryBound(to: Float.self)
        for (index, row) in rows.enumerated() {
            RowConversion.widen(x.address(row, part.lowerBound), x.elementType, to: target + index * innerStep, count: part.count)
        }
        for index in rows.count..<max(rows.count, count) { (target + index * innerStep).update(repeating: 0, count: part.count) }
    }

    /// Scales the sums, adds the addend, and stores them.
    private func finish(
        _ rows: Range<Int>, _ columns: Range<Int>, _ stage: UnsafeMutableRawPointer, _ buffer: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            let sums = stage.assumingMemoryBound(to: Float.self) + index * width
            if operation.scale != 1 { RowFactor.multiply(sums, by: operation.scale, into: sums, columns.count) }
            if let addend {
                var other = buffer
                if addend.elementType == .float32 {
                    other = addend.floats(row, columns.lowerBound)
                } else {
                    RowConversion.widen(addend.address(row, columns.lowerBound), addend.elementType, to: buffer, count: columns.count)
                }
                for column in 0..<columns.count { sums[column] += other[column] }
            }
            RowConversion.narrow(sums, to: c.address(row, columns.lowerBound), c.elementType, count: columns.count)
        }
    }
}
