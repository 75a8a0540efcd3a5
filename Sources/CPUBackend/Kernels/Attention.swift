import COneDNN
import Glibc
import Graph
import Tensors

/// Softmax attention block by block: one block of queries of one head at a time walks the blocks of keys that it sees.
final class AttentionKernel: Kernel {
    private let (q, k, v, keyRanges): (Matrix, Matrix, Matrix, Matrix)
    private let (o, logSumExp): (Matrix, Matrix)
    private let blocks: AttentionBlocks
    private let scores: EdgeProducts?
    private let firstValues: EdgeProducts?
    private let nextValues: EdgeProducts?
    private let productScratch: Int

    init(_ operation: Attention, _ operands: KernelOperands) throws(CPUError) {
        (q, k, v, keyRanges) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.inputs[3])
        (o, logSumExp) = (operands.outputs[0], operands.outputs[1])
        let blocks = AttentionBlocks(operation.shape, q: q, k: k, products: operands.products)
        self.blocks = blocks
        guard q.rows > 0, k.rows > 0 else {
            (scores, firstValues, nextValues, productScratch) = (nil, nil, nil, 0)
            return
        }
        let (strideQ, strideK, strideV, width) = (blocks.stride(q), blocks.stride(k), blocks.stride(v), blocks.headWidth)
        let scores = try EdgeProducts(blocks, exact: blocks.keyCount % 128, operands.products) { queries, keys in
            BlockProductShape(
                m: queries, n: keys, k: width, transposesA: false, transposesB: true, strideA: strideQ, strideB: strideK,
                strideC: AttentionBlocks.keyRows, inputType: blocks.inputType, outputType: .float32, accumulates: false)
        }
        let values = { (accumulates: Bool) throws(CPUError) in
            try EdgeProducts(blocks, exact: blocks.keyCount % 128, operands.products) { queries, keys in
                BlockProductShape(
                    m: queries, n: width, k: keys, transposesA: false, transposesB: false, strideA: AttentionBlocks.keyRows,
                    strideB: strideV,
                    strideC: width, inputType: blocks.inputType, outputType: .float32, accumulates: accumulates)
            }
        }
        let (first, next) = (try values(false), try values(true))
        (self.scores, firstValues, nextValues) = (scores, first, next)
        productScratch = max(scores.scratchByteCount, first.scratchByteCount, next.scratchByteCount)
    }

    private static let scoreBytes = AttentionBlocks.queryRows * AttentionBlocks.keyRows * 4
    private var outputBytes: Int { RowBuffer.byteCount(AttentionBlocks.queryRows * blocks.headWidth) }
    private static let rowBytes = RowBuffer.byteCount(AttentionBlocks.queryRows)

    override var scratchByteCount: Int {
        Self.scoreBytes * 2 + outputBytes + 2 * Self.rowBytes + 3 * blocks.convertedBytes + productScratch
    }

    override func blockCount(_ phase: Int) -> Int { blocks.queryBlocks * blocks.shape.headCount }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let shape = blocks.shape
        let head = block % shape.headCount
        let keyHead = head / blocks.groupSize
        // The last queries see most keys; they go first, so that no thread is left alone with them.
        let queries = blocks.queries(blocks.queryBlocks - 1 - block / shape.headCount)
        var (firstKey, endKey) = (Int.max, 0)
        for query in queries {
            let (first, end) = blocks.visibleKeys(keyRanges, query)
            if first < end { (firstKey, endKey) = (min(firstKey, first), max(endKey, end)) }
        }
        let scoreBuffer = workspace.scratch.assumingMemoryBound(to: Float.self)
        let weightBuffer = workspace.scratch + Self.scoreBytes
        let outputAddress = weightBuffer + Self.scoreBytes
        let output = outputAddress.assumingMemoryBound(to: Float.self)
        let greatest = (outputAddress + outputBytes).assumingMemoryBound(to: Float.self)
        let sums = (outputAddress + outputBytes + Self.rowBytes).assumingMemoryBound(to: Float.self)
        let converted = outputAddress + outputBytes + 2 * Self.rowBytes
        let productBuffer = converted + 3 * blocks.convertedBytes
        let weights = blocks.inputType == .float32 ? workspace.scratch : weightBuffer
        let thread = workspace.thread
        if firstKey < endKey, let scores, let firstValues, let nextValues {
            let qAddress = blocks.block(q, queries, head: head, converted)
            greatest.update(repeating: -.infinity, count: queries.count)
            sums.update(repeating: 0, count: queries.count)
            var key = firstKey
            while key < endKey {
                let end = min(endKey, key + AttentionBlocks.keyRows)
                let span = KeySpan(key, end, limit: blocks.keyCount)
                let keys = span.start..<span.start + span.count
                let kAddress = blocks.block(k, keys, head: keyHead, converted + blocks.convertedBytes)
                let vAddress = blocks.block(v, keys, head: keyHead, converted + 2 * blocks.convertedBytes)
                var status = scores.run(queries.count, span.count, qAddress, kAddress, scoreBuffer, scratch: productBuffer, thread: thread)
                let isFirst = key == firstKey
                for row in 0..<queries.count {
                    let visible = blocks.visibleKeys(keyRanges, queries.lowerBound + row)
                    weigh(
                        row, scoreBuffer + row * AttentionBlocks.keyRows, weights, max(visible.first, key) - span.start,
                        min(visible.end, end) - span.start, span.count, greatest, sums, isFirst ? nil : output)
                }
                status |= (isFirst ? firstValues : nextValues)
                    .run(queries.count, span.count, weights, vAddress, outputAddress, scratch: productBuffer, thread: thread)
                if status != 0 { workspace.failure.pointee = status }
                key = end
            }
            finish(queries, head, output, greatest, sums)
        } else {
            for query in queries {
                memset(o.address(query, head * shape.headWidth), 0, shape.headWidth * o.elementType.byteCount)
                logSumExp.floats(query)[head] = 0
            }
        }
    }

    /// Turns a row of scores into weights relative to the greatest score so far; rescales what has been summed when that changes.
    @inline(__always) private func weigh(
        _ row: Int, _ scores: UnsafeMutablePointer<Float>, _ weights: UnsafeMutableRawPointer, _ first: Int, _ end: Int, _ count: Int,
        _ greatest: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>?
    ) {
        let width = AttentionBlocks.keyRows
        let isFloat = blocks.inputType == .float32
        let floats = weights.assumingMemoryBound(to: Float.self) + row * width
        let halves = weights + row * width * 2
        guard first < end else {
            if isFloat { floats.update(repeating: 0, count: count) } else { memset(halves, 0, count * 2) }
            return
        }
        let (from, to) = (first / 16 * 16, (end + 15) / 16 * 16)
        // Without a cap the scale is applied on the way: the greatest scaled score is the greatest score, scaled.
        let factor = blocks.shape.softCap == 0 ? blocks.shape.scale : 1
        if blocks.shape.softCap != 0 { ScoreRow.cap(scores, from, to, blocks.shape) }
        if from < first { ScoreRow.hide(scores + from, below: first - from) }
        if end < to { ScoreRow.hide(scores + to - 16, from: end - to + 16) }
        var top = Vector.broadcast(-.infinity)
        var i = from
        while i < to {
            top = load(scores + i).greater(top)
            i += 16
        }
        let old = greatest[row]
        let found = top.greatest * factor
        let new = found > old ? found : old
        let (scale, offset) = (Vector.broadcast(factor), Vector.broadcast(-new))
        var sum = Vector.zero
        if isFloat {
            if from > 0 { floats.update(repeating: 0, count: from) }
            i = from
            while i < to {
                let weight = exponentialOfNegative(offset.addingProduct(load(scores + i), scale))
                sum += weight
                store(weight, floats + i)
                i += 16
            }
            if to < count { (floats + to).update(repeating: 0, count: count - to) }
        } else {
            if from > 0 { memset(halves, 0, from * 2) }
            i = from
            while i < to {
                let weight = exponentialOfNegative(offset.addingProduct(load(scores + i), scale))
                sum += weight
                tala_store_bfloat16(weight, halves + i * 2)
                i += 16
            }
            if to < count { memset(halves + to * 2, 0, (count - to) * 2) }
        }
        if new > old {
            greatest[row] = new
            let shrink = old > -.infinity ? exp(old - new) : 0
            sums[row] = sums[row] * shrink + sum.total
            if let output {
                let sumsOfValues = output + row * blocks.headWidth
                if old > -.infinity { RowScale.multiply(sumsOfValues, by: shrink, blocks.headWidth) }
            }
        } else {
            sums[row] += sum.total
        }
    }

    private func finish(
        _ queries: Range<Int>, _ head: Int, _ output: UnsafeMutablePointer<Float>, _ greatest: UnsafePointer<Float>,
        _ sums: UnsafePointer<Float>
    ) {
        let width = blocks.headWidth
        for row in 0..<queries.count {
            let source = output + row * width
            // A query that sees no key has summed nothing.
            let isEmpty = sums[row] == 0
            RowScale.multiply(source, by: isEmpty ? 0 : 1 / sums[row], width)
            RowConversion.narrow(source, to: o.address(queries.lowerBound + row, head * width), o.elementType, count: width)
            logSumExp.floats(queries.lowerBound + row)[head] = isEmpty ? 0 : greatest[row] + log(sums[row])
        }
    }
}
