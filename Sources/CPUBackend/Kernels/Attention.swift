import COneDNN
import Glibc
import Graph
import Tensors

extension Attention: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        AttentionKernel(self, operands)
    }
}

/// Softmax attention block by block: one block of queries of one head at a time walks the blocks of
/// keys that it sees.
final class AttentionKernel: Kernel {
    private let (q, k, v, keyRanges): (Matrix, Matrix, Matrix, Matrix)
    private let (o, logSumExp): (Matrix, Matrix)
    private let sinks: Matrix?
    private let blocks: AttentionBlocks
    private let scores: EdgeProducts?
    private let firstValues: EdgeProducts?
    private let nextValues: EdgeProducts?
    private let productScratch: Int

    init(_ operation: Attention, _ operands: KernelOperands) {
        (q, k, v, keyRanges) = (operands.inputs[0], operands.inputs[1], operands.inputs[2], operands.inputs[3])
        (o, logSumExp) = (operands.outputs[0], operands.outputs[1])
        sinks = operation.hasSinks ? operands.inputs[4] : nil
        let blocks = AttentionBlocks(operation.shape, q: q, k: k, products: operands.products)
        self.blocks = blocks
        guard q.rows > 0, k.rows > 0 else {
            (scores, firstValues, nextValues, productScratch) = (nil, nil, nil, 0)
            return
        }
        let (strideQ, strideK, strideV, width) = (blocks.stride(q), blocks.stride(k), blocks.stride(v), blocks.headWidth)
        let scores = EdgeProducts(blocks, exact: blocks.keyCount % 128, operands.products) { queries, keys in
            BlockProductShape(
                m: queries, n: keys, k: width, transposesA: false, transposesB: true, strideA: strideQ, strideB: strideK,
                strideC: AttentionBlocks.keyRows, inputType: blocks.inputType, outputType: .float32, accumulates: false)
        }
        let values = { (accumulates: Bool) in
            EdgeProducts(blocks, exact: blocks.keyCount % 128, operands.products) { queries, keys in
                BlockProductShape(
                    m: queries, n: width, k: keys, transposesA: false, transposesB: false, strideA: AttentionBlocks.keyRows,
                    strideB: strideV,
                    strideC: width, inputType: blocks.inputType, outputType: .float32, accumulates: accumulates)
            }
        }
        let (first, next) = (values(false), values(true))
        (self.scores, firstValues, nextValues) = (scores, first, next)
        productScratch = max(scores.scratchByteCount, first.scratchByteCount, next.scratchByteCount)
    }

    private static let scoreBytes = AttentionBlocks.stripeRows * AttentionBlocks.keyRows * 4
    private var outputBytes: Int { RowBuffer.byteCount(AttentionBlocks.stripeRows * blocks.headWidth) }
    private static let rowBytes = RowBuffer.byteCount(AttentionBlocks.stripeRows)

    override var scratchByteCount: Int {
        Self.scoreBytes * 2 + outputBytes + 2 * Self.rowBytes + 2 * blocks.convertedBytes + blocks.convertedQueryBytes + productScratch
    }

    override func blockCount(_ phase: Int) -> Int { blocks.stripes * blocks.shape.headCount }

    /// Where a thread keeps what it works on: scores, weights, sums of values, their greatest
    /// scores and sums of weights.
    private struct Buffers {
        let scores: UnsafeMutablePointer<Float>
        let weights: UnsafeMutableRawPointer
        let output: UnsafeMutablePointer<Float>
        let greatest: UnsafeMutablePointer<Float>
        let sums: UnsafeMutablePointer<Float>
        let queries: UnsafeMutableRawPointer
        let keys: UnsafeMutableRawPointer
        let values: UnsafeMutableRawPointer
        let product: UnsafeMutableRawPointer

        init(_ scratch: UnsafeMutableRawPointer, _ kernel: AttentionKernel) {
            let blocks = kernel.blocks
            scores = scratch.assumingMemoryBound(to: Float.self)
            weights = blocks.inputType == .float32 ? scratch : scratch + AttentionKernel.scoreBytes
            let output = scratch + 2 * AttentionKernel.scoreBytes
            self.output = output.assumingMemoryBound(to: Float.self)
            let rows = output + kernel.outputBytes
            greatest = rows.assumingMemoryBound(to: Float.self)
            sums = (rows + AttentionKernel.rowBytes).assumingMemoryBound(to: Float.self)
            queries = rows + 2 * AttentionKernel.rowBytes
            keys = queries + blocks.convertedQueryBytes
            values = keys + blocks.convertedBytes
            product = values + blocks.convertedBytes
        }
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let head = block % blocks.shape.headCount
        // The last queries see most keys; they go first, so that no thread is left alone with them.
        let queries = blocks.stripe(blocks.stripes - 1 - block / blocks.shape.headCount)
        // What each block of the stripe sees; nothing: from the greatest number on.
        var (firsts, ends) = (SIMD4<Int>(repeating: .max), SIMD4<Int>.zero)
        for query in queries {
            let index = (query - queries.lowerBound) / AttentionBlocks.queryRows
            let (first, end) = blocks.visibleKeys(keyRanges, query)
            if first < end { (firsts[index], ends[index]) = (min(firsts[index], first), max(ends[index], end)) }
        }
        let buffers = Buffers(workspace.scratch, self)
        buffers.greatest.update(repeating: -.infinity, count: queries.count)
        buffers.sums.update(repeating: 0, count: queries.count)
        var begun = 0
        if firsts.min() < ends.max() {
            let status = walk(queries, head, firsts, ends, buffers, &begun, workspace.thread)
            if status != 0 { workspace.failure.pointee = status }
        }
        // Blocks that saw nothing have summed nothing.
        for index in 0..<AttentionBlocks.stripeBlocks where begun & 1 << index == 0 { clear(index, queries, buffers.output) }
        finish(queries, head, buffers.output, buffers.greatest, buffers.sums)
    }

    private func clear(_ index: Int, _ queries: Range<Int>, _ output: UnsafeMutablePointer<Float>) {
        let start = index * AttentionBlocks.queryRows
        let rows = min(AttentionBlocks.queryRows, queries.count - start)
        if rows > 0 { (output + start * blocks.headWidth).update(repeating: 0, count: rows * blocks.headWidth) }
    }

    /// Walks the blocks of keys that a stripe sees: together where all its blocks see (nearly) all
    /// keys of one, else each for itself.
    private func walk(
        _ queries: Range<Int>, _ head: Int, _ firsts: SIMD4<Int>, _ ends: SIMD4<Int>, _ buffers: Buffers, _ begun: inout Int, _ thread: Int
    ) -> Int32 {
        let keyHead = head / blocks.groupSize
        let qAddress = blocks.block(q, queries, head: head, buffers.queries)
        let (rows, all) = (AttentionBlocks.queryRows, (1 << AttentionBlocks.stripeBlocks) - 1)
        let (firstKey, endKey) = (firsts.min(), ends.max())
        var status: Int32 = 0
        var key = firstKey
        while key < endKey {
            let end = min(endKey, key + AttentionBlocks.keyRows)
            let together =
                queries.count == AttentionBlocks.stripeRows
                && (0..<AttentionBlocks.stripeBlocks).allSatisfy {
                    min(ends[$0], end) - max(firsts[$0], key) > AttentionBlocks.keyRows - 32
                }
            if together, blocks.keyCount >= AttentionBlocks.keyRows {
                if begun != 0, begun != all {
                    for index in 0..<AttentionBlocks.stripeBlocks where begun & 1 << index == 0 { clear(index, queries, buffers.output) }
                    begun = all
                }
                let span = KeySpan(key, end, limit: blocks.keyCount)
                status |= pair(queries, 0, qAddress, span, (key, end), keyHead, isFirst: begun == 0, buffers, thread)
                begun = all
            } else {
                for index in 0..<AttentionBlocks.stripeBlocks {
                    let (from, to) = (max(firsts[index], key), min(ends[index], end))
                    guard from < to else { continue }
                    let start = queries.lowerBound + index * rows
                    let part = start..<min(start + rows, queries.upperBound)
                    let bytes = index * rows * blocks.stride(q) * blocks.inputType.byteCount
                    let isFirst = begun & 1 << index == 0
                    status |= pair(
                        part, index * rows, qAddress + bytes, KeySpan(from, to, limit: blocks.keyCount), (from, to), keyHead,
                        isFirst: isFirst,
                        buffers, thread)
                    begun |= 1 << index
                }
            }
            key = end
        }
        return status
    }

    /// Scores, weights and sums of values of some queries and a span of keys.
    /// - Parameter row: the first query's place in the buffers.
    @inline(__always) private func pair(
        _ queries: Range<Int>, _ row: Int, _ qAddress: UnsafeMutableRawPointer, _ span: KeySpan, _ seen: (first: Int, end: Int),
        _ keyHead: Int,
        isFirst: Bool, _ buffers: Buffers, _ thread: Int
    ) -> Int32 {
        guard let scores, let firstValues, let nextValues else { return -1 }
        let keys = span.start..<span.start + span.count
        let kAddress = blocks.block(k, keys, head: keyHead, buffers.keys)
        let vAddress = blocks.block(v, keys, head: keyHead, buffers.values)
        let scoreRows = buffers.scores
        var status = scores.run(queries.count, span.count, qAddress, kAddress, scoreRows, scratch: buffers.product, thread: thread)
        let output = buffers.output + row * blocks.headWidth
        for index in 0..<queries.count {
            let visible = blocks.visibleKeys(keyRanges, queries.lowerBound + index)
            weigh(
                index, scoreRows + index * AttentionBlocks.keyRows, buffers.weights, max(visible.first, seen.first) - span.start,
                min(visible.end, seen.end) - span.start, span.count, buffers.greatest + row, buffers.sums + row, isFirst ? nil : output)
        }
        status |= (isFirst ? firstValues : nextValues)
            .run(queries.count, span.count, buffers.weights, vAddress, output, scratch: buffers.product, thread: thread)
        return status
    }

    /// Turns a row of scores into weights relative to the greatest score so far; rescales what has
    /// been summed when that changes.
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
        // Without a cap the scale is applied on the way: the greatest scaled score is the greatest
        // score, scaled.
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
        let sink = sinks.map { AttentionSink($0, head) }
        for row in 0..<queries.count {
            let source = output + row * width
            // A query that sees no key has summed nothing.
            let isEmpty = sums[row] == 0
            var (top, sum, shrink) = (greatest[row], sums[row], Float(1))
            if let sink, !isEmpty { sink.join(&top, &sum, &shrink) }
            RowScale.multiply(source, by: isEmpty ? 0 : shrink / sum, width)
            RowConversion.narrow(source, to: o.address(queries.lowerBound + row, head * width), o.elementType, count: width)
            logSumExp.floats(queries.lowerBound + row)[head] = isEmpty ? 0 : top + log(sum)
        }
    }
}
