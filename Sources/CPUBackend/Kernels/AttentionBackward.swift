import COneDNN
import Glibc
import Graph
import Tensors

extension AttentionBackward: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AttentionBackwardKernel(self, operands)
    }
}

/// The gradients of attention: one block of keys of one key/value head at a time walks the blocks
/// of queries that see it.
///
/// Key and value gradients of a block are summed by the one thread that has it. The gradient of a
/// block of queries gets a contribution from every block of keys; they are added in the order of
/// the keys, each waiting for the one before, so that the sum does not depend on the threads.
/// Blocks are handed out in that order too, so what is waited for is always being computed.
final class AttentionBackwardKernel: Kernel {
    private let (q, k, v, dO): (Matrix, Matrix, Matrix, Matrix)
    private let (logSumExp, delta, keyRanges, queryRanges): (Matrix, Matrix, Matrix, Matrix)
    private let (dq, dk, dv): (Matrix, Matrix, Matrix)
    private let blocks: AttentionBlocks
    private var scores: EdgeProducts?
    private var weightGradients: EdgeProducts?
    private var valueGradients: EdgeProducts?
    private var keyGradients: EdgeProducts?
    private var queryGradients: EdgeProducts?
    private var productScratch = 0
    private let rowBlocks: RowBlocks

    init(_ operation: AttentionBackward, _ operands: KernelOperands) {
        let inputs = operands.inputs
        (q, k, v, dO) = (inputs[0], inputs[1], inputs[2], inputs[3])
        (logSumExp, delta, keyRanges, queryRanges) = (inputs[4], inputs[5], inputs[6], inputs[7])
        (dq, dk, dv) = (operands.outputs[0], operands.outputs[1], operands.outputs[2])
        blocks = AttentionBlocks(operation.shape, q: q, k: k, products: operands.products)
        rowBlocks = RowBlocks(rows: dq.rows, columns: dq.columns)
        super.init()
        guard q.rows > 0, k.rows > 0 else { return }
        prepare(operands.products)
    }

    private func prepare(_ library: ProductLibrary) {
        let blocks = blocks
        let (strideQ, strideK, strideV, strideO) = (blocks.stride(q), blocks.stride(k), blocks.stride(v), blocks.stride(dO))
        let width = blocks.headWidth
        let across = AttentionBlocks.keyRows
        let type = blocks.inputType
        let strideDQ = sumsQueriesElsewhere ? dq.columns : dq.rowStride
        func products(_ make: (Int, Int) -> BlockProductShape) -> EdgeProducts {
            let edges = EdgeProducts(blocks, exact: blocks.keyCount % AttentionBlocks.keyRows, library, make)
            productScratch = max(productScratch, edges.scratchByteCount)
            return edges
        }
        // [queries, keys] = [queries, width] * [keys, width]ᵀ
        func pair(_ strideA: Int, _ strideB: Int) -> EdgeProducts {
            products { queries, keys in
                BlockProductShape(
                    m: queries, n: keys, k: width, transposesA: false, transposesB: true, strideA: strideA, strideB: strideB,
                    strideC: across,
                    inputType: type, outputType: .float32, accumulates: false)
            }
        }
        // [keys, width] = [queries, keys]ᵀ * [queries, width]
        func gradient(_ strideB: Int) -> EdgeProducts {
            products { queries, keys in
                BlockProductShape(
                    m: keys, n: width, k: queries, transposesA: true, transposesB: false, strideA: across, strideB: strideB, strideC: width,
                    inputType: type, outputType: .float32, accumulates: true)
            }
        }
        scores = pair(strideQ, strideK)
        weightGradients = pair(strideO, strideV)
        (valueGradients, keyGradients) = (gradient(strideO), gradient(strideQ))
        queryGradients = products { queries, keys in
            BlockProductShape(
                m: queries, n: width, k: keys, transposesA: false, transposesB: false, strideA: across, strideB: strideK, strideC: strideDQ,
                inputType: type, outputType: .float32, accumulates: true)
        }
    }

    /// Query gradients of a narrower type are summed in float32 memory of the kernel's own.
    private var sumsQueriesElsewhere: Bool { dq.elementType != .float32 }

    // Shared: for each block of keys the query blocks that see it (first, end); for each head and
    // block of queries how many blocks of keys have been added; the float32 sums.
    private var rangeBytes: Int { RowBuffer.byteCount(2 * blocks.keyBlocks) }
    private var progressBytes: Int { RowBuffer.byteCount(blocks.shape.headCount * blocks.queryBlocks) }
    override var sharedByteCount: Int { rangeBytes + progressBytes + (sumsQueriesElsewhere ? dq.rows * dq.columns * 4 : 0) }

    private static let scoreBytes = AttentionBlocks.stripeRows * AttentionBlocks.keyRows * 4
    private var sumBytes: Int { RowBuffer.byteCount(AttentionBlocks.keyRows * blocks.headWidth) }
    override var scratchByteCount: Int {
        4 * Self.scoreBytes + 2 * (sumBytes + blocks.convertedBytes + blocks.convertedQueryBytes) + productScratch
    }

    override var phaseCount: Int { 3 }
    override func blockCount(_ phase: Int) -> Int {
        switch phase {
        case 0: max(rowBlocks.count, blocks.keyBlocks, 1)
        case 1: blocks.keyBlocks * blocks.shape.keyValueHeadCount
        default: sumsQueriesElsewhere ? rowBlocks.count : 0
        }
    }

    private func querySums(_ workspace: Workspace, _ row: Int, _ column: Int) -> UnsafeMutablePointer<Float> {
        if !sumsQueriesElsewhere { return dq.floats(row, column) }
        return (workspace.shared + rangeBytes + progressBytes).assumingMemoryBound(to: Float.self) + row * dq.columns + column
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        switch phase {
        case 0: begin(block, workspace)
        // Heads side by side, so that a block of keys seldom runs beside the one that it waits for.
        case 1: run(keyHead: block % blocks.shape.keyValueHeadCount, keyBlock: block / blocks.shape.keyValueHeadCount, workspace)
        default:
            for row in rowBlocks.rows(of: block) {
                RowConversion.narrow(querySums(workspace, row, 0), to: dq.address(row), dq.elementType, count: dq.columns)
            }
        }
    }

    /// Clears the sums and finds which query blocks see a block of keys.
    private func begin(_ block: Int, _ workspace: Workspace) {
        if block == 0 { memset(workspace.shared + rangeBytes, 0, progressBytes) }
        if block < rowBlocks.count {
            for row in rowBlocks.rows(of: block) { querySums(workspace, row, 0).update(repeating: 0, count: dq.columns) }
        }
        if block < blocks.keyBlocks {
            var (first, end) = (Int.max, 0)
            for key in blocks.keys(block) {
                let range = queryRanges.integers(key)
                let (from, to) = (max(0, Int(range[0])), min(blocks.queryCount, Int(range[1])))
                if from < to { (first, end) = (min(first, from), max(end, to)) }
            }
            let ranges = workspace.shared.assumingMemoryBound(to: Int32.self)
            ranges[2 * block] = first < end ? Int32(first / AttentionBlocks.queryRows) : 0
            ranges[2 * block + 1] = first < end ? Int32((end - 1) / AttentionBlocks.queryRows + 1) : 0
        }
    }

    private func run(keyHead: Int, keyBlock: Int, _ workspace: Workspace) {
        let keys = blocks.keys(keyBlock)
        let width = blocks.headWidth
        let ranges = workspace.shared.assumingMemoryBound(to: Int32.self)
        let progress = (workspace.shared + rangeBytes).assumingMemoryBound(to: Int32.self)
        let scoreAddress = workspace.scratch
        let gradientAddress = scoreAddress + Self.scoreBytes
        let keySums = scoreAddress + 4 * Self.scoreBytes
        let valueSums = keySums + sumBytes
        let converted = valueSums + sumBytes
        let convertedQueries = converted + 2 * blocks.convertedBytes
        let productBuffer = convertedQueries + 2 * blocks.convertedQueryBytes
        let isFloat = blocks.inputType == .float32
        let weights = isFloat ? scoreAddress : scoreAddress + 2 * Self.scoreBytes
        let scoreGradients = isFloat ? gradientAddress : scoreAddress + 3 * Self.scoreBytes
        let thread = workspace.thread
        var status: Int32 = 0
        memset(keySums, 0, 2 * sumBytes)
        if let scores, let weightGradients, let valueGradients, let keyGradients, let queryGradients {
            let kAddress = blocks.block(k, keys, head: keyHead, converted)
            let vAddress = blocks.block(v, keys, head: keyHead, converted + blocks.convertedBytes)
            let elementBytes = isFloat ? 4 : 2
            for head in keyHead * blocks.groupSize..<(keyHead + 1) * blocks.groupSize {
                var queryBlock = Int(ranges[2 * keyBlock])
                let endBlock = Int(ranges[2 * keyBlock + 1])
                while queryBlock < endBlock {
                    let first = queryBlock
                    let done = progress + head * blocks.queryBlocks
                    let (queries, seen) = next(&queryBlock, endBlock, keys)
                    guard seen.first < seen.end else {
                        Self.wait(for: done + first, previous(keyBlock, first, ranges))
                        tala_store_release(done + first, Int32(keyBlock + 1))
                        continue
                    }
                    // Of the block of keys, those that these queries see.
                    let span = KeySpan(seen.first - keys.lowerBound, seen.end - keys.lowerBound, limit: keys.count)
                    let spanKeys = keys.lowerBound + span.start..<keys.lowerBound + span.start + span.count
                    let (rows, count) = (queries.count, span.count)
                    let kSpan = kAddress + span.start * blocks.stride(k) * elementBytes
                    let vSpan = vAddress + span.start * blocks.stride(v) * elementBytes
                    let sumOffset = span.start * width * 4
                    let qAddress = blocks.block(q, queries, head: head, convertedQueries)
                    let oAddress = blocks.block(dO, queries, head: head, convertedQueries + blocks.convertedQueryBytes)
                    status |= scores.run(rows, count, qAddress, kSpan, scoreAddress, scratch: productBuffer, thread: thread)
                    status |= weightGradients.run(rows, count, oAddress, vSpan, gradientAddress, scratch: productBuffer, thread: thread)
                    for row in 0..<rows {
                        differentiate(
                            row, query: queries.lowerBound + row, head, spanKeys, scoreAddress, gradientAddress, weights, scoreGradients)
                    }
                    status |= valueGradients.run(
                        rows, count, weights, oAddress, valueSums + sumOffset, scratch: productBuffer, thread: thread)
                    status |= keyGradients.run(
                        rows, count, scoreGradients, qAddress, keySums + sumOffset, scratch: productBuffer, thread: thread)
                    for block in first..<queryBlock { Self.wait(for: done + block, previous(keyBlock, block, ranges)) }
                    status |= queryGradients.run(
                        rows, count, scoreGradients, kSpan, querySums(workspace, queries.lowerBound, head * width), scratch: productBuffer,
                        thread: thread)
                    for block in first..<queryBlock { tala_store_release(done + block, Int32(keyBlock + 1)) }
                }
            }
        }
        if status != 0 { workspace.failure.pointee = status }
        put(keySums, dk, keys, column: keyHead * width)
        put(valueSums, dv, keys, column: keyHead * width)
    }

    /// The queries that are done next with a block of keys, and which keys they see: a stripe where
    /// all its blocks see the whole block of keys, else one block.
    private func next(_ queryBlock: inout Int, _ endBlock: Int, _ keys: Range<Int>) -> (queries: Range<Int>, seen: (first: Int, end: Int)) {
        let queries = blocks.queries(queryBlock)
        let seen = seenKeys(queries, keys)
        let stripeEnd = queryBlock + AttentionBlocks.stripeBlocks
        queryBlock += 1
        guard keys.count == AttentionBlocks.keyRows, stripeEnd <= endBlock, stripeEnd * AttentionBlocks.queryRows <= blocks.queryCount,
            Self.isNearlyWhole(seen)
        else { return (queries, seen) }
        for block in queryBlock..<stripeEnd where !Self.isNearlyWhole(seenKeys(blocks.queries(block), keys)) { return (queries, seen) }
        queryBlock = stripeEnd
        return (queries.lowerBound..<stripeEnd * AttentionBlocks.queryRows, (keys.lowerBound, keys.upperBound))
    }

    /// Whether a product takes as many keys for these as for a whole block.
    private static func isNearlyWhole(_ seen: (first: Int, end: Int)) -> Bool {
        seen.first < seen.end && seen.end - seen.first > AttentionBlocks.keyRows - 32
    }

    /// Stores the sums of a block of keys.
    private func put(_ sums: UnsafeMutableRawPointer, _ target: Matrix, _ keys: Range<Int>, column: Int) {
        let width = blocks.headWidth
        let source = sums.assumingMemoryBound(to: Float.self)
        for row in 0..<keys.count {
            RowConversion.narrow(source + row * width, to: target.address(keys.lowerBound + row, column), target.elementType, count: width)
        }
    }

    /// What the progress of a query block is when every block of keys before this one has been
    /// added: that of the last one which it sees.
    @inline(__always) private func previous(_ keyBlock: Int, _ queryBlock: Int, _ ranges: UnsafePointer<Int32>) -> Int32 {
        var before = keyBlock - 1
        while before >= 0 {
            if Int(ranges[2 * before]) <= queryBlock, queryBlock < Int(ranges[2 * before + 1]) { return Int32(before + 1) }
            before -= 1
        }
        return 0
    }

    private static func wait(for progress: UnsafePointer<Int32>, _ value: Int32) {
        var spins = 0
        while tala_load_acquire(progress) != value {
            spins += 1
            if spins < 2_000 { tala_pause() } else { sched_yield() }
        }
    }

    /// Of a block of keys, the range that contains all that a block of queries sees.
    private func seenKeys(_ queries: Range<Int>, _ keys: Range<Int>) -> (first: Int, end: Int) {
        var (seenFirst, seenEnd) = (Int.max, 0)
        for query in queries {
            let visible = blocks.visibleKeys(keyRanges, query)
            let (first, end) = (max(visible.first, keys.lowerBound), min(visible.end, keys.upperBound))
            if first < end { (seenFirst, seenEnd) = (min(seenFirst, first), max(seenEnd, end)) }
        }
        return (seenFirst, seenEnd)
    }

    /// A row of scores becomes weights `p`, a row of weight gradients becomes score gradients
    /// `scale * p * (dP - delta)`.
    @inline(__always) private func differentiate(
        _ row: Int, query: Int, _ head: Int, _ keys: Range<Int>, _ scoreAddress: UnsafeMutableRawPointer,
        _ gradientAddress: UnsafeMutableRawPointer,
        _ weights: UnsafeMutableRawPointer, _ scoreGradients: UnsafeMutableRawPointer
    ) {
        let width = AttentionBlocks.keyRows
        let shape = blocks.shape
        let isFloat = blocks.inputType == .float32
        let scores = scoreAddress.assumingMemoryBound(to: Float.self) + row * width
        let gradients = gradientAddress.assumingMemoryBound(to: Float.self) + row * width
        let elementBytes = isFloat ? 4 : 2
        let rowBytes = width * elementBytes
        let (weightRow, gradientRow) = (weights + row * rowBytes, scoreGradients + row * rowBytes)
        let (firstKey, endKey) = blocks.visibleKeys(keyRanges, query)
        let (first, end) = (max(0, firstKey - keys.lowerBound), min(keys.count, endKey - keys.lowerBound))
        guard first < end else {
            memset(weightRow, 0, keys.count * elementBytes)
            memset(gradientRow, 0, keys.count * elementBytes)
            return
        }
        let (from, to) = (first / 16 * 16, (end + 15) / 16 * 16)
        // Without a cap the scale is applied on the way.
        let factor = Vector.broadcast(shape.softCap == 0 ? shape.scale : 1)
        if shape.softCap != 0 { ScoreRow.cap(scores, from, to, shape) }
        if from < first { ScoreRow.hide(scores + from, below: first - from) }
        if end < to { ScoreRow.hide(scores + to - 16, from: end - to + 16) }
        let offset = Vector.broadcast(-logSumExp.floats(query)[head])
        let delta = Vector.broadcast(delta.floats(query)[head])
        let scale = Vector.broadcast(shape.scale)
        let inverseCap = Vector.broadcast(shape.softCap == 0 ? 0 : 1 / shape.softCap)
        if from > 0 {
            memset(weightRow, 0, from * elementBytes)
            memset(gradientRow, 0, from * elementBytes)
        }
        if to < keys.count {
            memset(weightRow + to * elementBytes, 0, (keys.count - to) * elementBytes)
            memset(gradientRow + to * elementBytes, 0, (keys.count - to) * elementBytes)
        }
        var i = from
        while i < to {
            let score = load(scores + i)
            let weight = exponentialOfNegative(offset.addingProduct(score, factor))
            var gradient = weight * scale * (load(gradients + i) - delta)
            if shape.softCap != 0 {
                let t = score * inverseCap
                gradient *= 1 - t * t
            }
            // Hidden scores are infinite and their gradients undefined: the weight of 0 decides.
            gradient = gradient.replacing(with: 0, where: weight .== 0)
            if isFloat {
                store(weight, weightRow.assumingMemoryBound(to: Float.self) + i)
                store(gradient, gradientRow.assumingMemoryBound(to: Float.self) + i)
            } else {
                tala_store_bfloat16(weight, weightRow + i * 2)
                tala_store_bfloat16(gradient, gradientRow + i * 2)
            }
            i += 16
        }
    }
}
