import Glibc
import Graph
import Tensors

extension GroupedWeightGradient: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { GroupedWeightGradientKernel(self, operands) }
}

/// `dW(g) = scale * dyᵀ x + addend` over the rows of each group, some rows at a time: as many as
/// there are where the processor multiplies bfloat16, else copied and filled up with zeros to one
/// of the numbers that products are prepared for.
final class GroupedWeightGradientKernel: Kernel {
    private let (dy, x, result): (Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let scale: Float
    private let groups: GroupedTiles
    private let groupCount: Int
    private let outputs: Int
    private let (height, width, down, across): (Int, Int, Int, Int)
    private let isNative: Bool
    private let isStaged: Bool
    /// Of products of float32, by edge (whole, lower, right, corner) and by numbers of rows; the
    /// first of each begins a sum, the second adds to it.
    private var products: [[(BlockProduct, BlockProduct)]] = []
    private var productScratch = 0

    /// Rows that are summed at a time.
    private static let nativeStep = 1_024
    private static let steps = [16, 32, 64, 128]

    init(_ operation: GroupedWeightGradient, _ operands: KernelOperands) {
        (dy, x, result) = (operands.inputs[0], operands.inputs[1], operands.outputs[0])
        addend = operation.hasAddend ? operands.inputs[3] : nil
        scale = operation.scale
        groupCount = operation.groupCount
        groups = GroupedTiles(operands.inputs[2], rowCount: x.rows, height: max(1, x.rows))
        outputs = dy.columns
        (height, down) = Self.cut(outputs)
        (width, across) = Self.cut(x.columns)
        isNative = x.elementType == .bfloat16 && operands.products.hasBfloat16
        isStaged = !isNative || operation.scale != 1
        super.init()
        guard outputs > 0, x.columns > 0 else { return }
        prepare(operands.products)
    }

    /// Equal parts of at most 256.
    private static func cut(_ size: Int) -> (part: Int, count: Int) {
        guard size > 0 else { return (1, 0) }
        let parts = (size + 255) / 256
        let part = min(size, ((size + parts - 1) / parts + 31) / 32 * 32)
        return (part, (size + part - 1) / part)
    }

    private func shape(_ m: Int, _ n: Int, _ k: Int, accumulates: Bool) -> BlockProductShape {
        BlockProductShape(
            m: m, n: n, k: k, transposesA: true, transposesB: false, strideA: isNative ? dy.rowStride : height,
            strideB: isNative ? x.rowStride : width, strideC: isStaged ? width : result.rowStride,
            inputType: isNative ? .bfloat16 : .float32, outputType: .float32, accumulates: accumulates)
    }

    private func prepare(_ library: ProductLibrary) {
        if isNative {
            let largest = shape(height, width, min(Self.nativeStep, max(1, x.rows)), accumulates: true)
            productScratch = BFloat16Product(largest).scratchByteCount
            return
        }
        for edge in 0..<4 {
            let m = edge & 1 == 0 ? height : outputs - (down - 1) * height
            let n = edge & 2 == 0 ? width : x.columns - (across - 1) * width
            products.append(
                Self.steps.map { k in
                    let pair = (
                        library.product(shape(m, n, k, accumulates: false)), library.product(shape(m, n, k, accumulates: true))
                    )
                    productScratch = max(productScratch, pair.0.scratchByteCount, pair.1.scratchByteCount)
                    return pair
                })
        }
    }

    private var longestStep: Int { Self.steps[Self.steps.count - 1] }
    private var stageBytes: Int { isStaged ? RowBuffer.byteCount(height * width) : 0 }
    private var dyBytes: Int { isNative ? 0 : RowBuffer.byteCount(longestStep * height) }
    private var xBytes: Int { isNative ? 0 : RowBuffer.byteCount(longestStep * width) }

    override var scratchByteCount: Int { stageBytes + dyBytes + xBytes + productScratch }
    override func blockCount(_ phase: Int) -> Int { groupCount * down * across }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (group, tile) = block.quotientAndRemainder(dividingBy: down * across)
        let (top, left) = (tile / across * height, tile % across * width)
        let size = (rows: min(height, outputs - top), columns: min(width, x.columns - left))
        let first = group * outputs + top
        let rows = groups.rows(of: group)
        if rows.isEmpty || !isStaged { begin(first, left, size, isFinal: rows.isEmpty) }
        if rows.isEmpty { return }
        let stage = workspace.scratch
        let (dyBuffer, xBuffer) = (stage + stageBytes, stage + stageBytes + dyBytes)
        let productBuffer = xBuffer + xBytes
        let step = isNative ? Self.nativeStep : longestStep
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
            let part = start..<min(rows.upperBound, start + step)
            let isFirst = start == rows.lowerBound
            if isNative {
                BFloat16Product.run(
                    shape(size.rows, size.columns, part.count, accumulates: !isFirst || (!isStaged && addend != nil)),
                    dy.address(start, top), x.address(start, left), isStaged ? stage : result.address(first, left),
                    scratch: productBuffer)
            } else {
                let edge = (size.rows == height ? 0 : 1) + (size.columns == width ? 0 : 2)
                // invariant: there is a product for as many rows as are summed at a time.
                guard let pair = products[edge].first(where: { $0.0.shape.k >= part.count }) else { return }
                copy(dy, part, top, size.rows, filledTo: pair.0.shape.k, dyBuffer, height)
                copy(x, part, left, size.columns, filledTo: pair.0.shape.k, xBuffer, width)
                let status = (isFirst ? pair.0 : pair.1).run(
                    dyBuffer, xBuffer, stage, scratch: productBuffer, thread: workspace.thread)
                if status != 0 { workspace.failure.pointee = status }
            }
        }
        if isStaged { finish(first, left, size, stage.assumingMemoryBound(to: Float.self)) }
    }

    /// What the sums are added to, or what stands in the place of sums.
    private func begin(_ first: Int, _ left: Int, _ size: (rows: Int, columns: Int), isFinal: Bool) {
        for row in first..<first + size.rows {
            if let addend {
                if addend.base != result.base { memcpy(result.address(row, left), addend.address(row, left), size.columns * 4) }
            } else if isFinal {
                memset(result.address(row, left), 0, size.columns * 4)
            }
        }
    }

    private func copy(
        _ matrix: Matrix, _ rows: Range<Int>, _ column: Int, _ columns: Int, filledTo count: Int, _ buffer: UnsafeMutableRawPointer,
        _ stride: Int
    ) {
        let target = buffer.assumingMemoryBound(to: Float.self)
        for (index, row) in rows.enumerated() {
            RowConversion.widen(matrix.address(row, column), matrix.elementType, to: target + index * stride, count: columns)
        }
        for index in rows.count..<max(rows.count, count) { (target + index * stride).update(repeating: 0, count: columns) }
    }

    private func finish(_ first: Int, _ left: Int, _ size: (rows: Int, columns: Int), _ stage: UnsafeMutablePointer<Float>) {
        for index in 0..<size.rows {
            let (sums, target) = (stage + index * width, result.floats(first + index, left))
            if let addend {
                let other = addend.floats(first + index, left)
                for column in 0..<size.columns { target[column] = other[column] + scale * sums[column] }
            } else {
                RowFactor.multiply(sums, by: scale, into: target, size.columns)
            }
        }
    }
}
