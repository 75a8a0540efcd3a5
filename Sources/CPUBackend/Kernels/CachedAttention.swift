import Glibc
import Graph
import Tensors

extension CachedAttention: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { CachedAttentionKernel(self, operands) }
}

/// Softmax attention over pages of a cache: a thread takes one row and one head of keys with all
/// heads of queries that share it, and walks the row's pages in order.
final class CachedAttentionKernel: Kernel {
    private let shape: AttentionShape
    private let pageRows: Int
    private let (q, keys, values, o): (Matrix, Matrix, Matrix, Matrix)
    private let (ranges, sequences, pages): (Matrix, Matrix, Matrix)

    init(_ operation: CachedAttention, _ operands: KernelOperands) {
        (shape, pageRows) = (operation.shape, operation.pageRows)
        (q, keys, values) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        (ranges, sequences, pages) = (operands.inputs[3], operands.inputs[4], operands.inputs[5])
        o = operands.outputs[0]
        super.init()
    }

    private var group: Int { shape.headCount / shape.keyValueHeadCount }
    private var width: Int { shape.headWidth }
    private var pageBytes: Int { RowBuffer.byteCount(pageRows * width) }

    override func blockCount(_ phase: Int) -> Int { q.rows * shape.keyValueHeadCount }

    /// Sixteen sums; queries and sums of values, scores, greatest scores and sums of weights of the
    /// group; a page of keys and one of values where they are widened.
    override var scratchByteCount: Int {
        64 + 2 * group * RowBuffer.byteCount(width) + group * RowBuffer.byteCount(pageRows) + 2 * RowBuffer.byteCount(group)
            + 2 * pageBytes
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (row, keyHead) = (block / shape.keyValueHeadCount, block % shape.keyValueHeadCount)
        let rowWords = RowBuffer.byteCount(width) / 4
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        let queries = sums + 16
        let output = queries + group * rowWords
        let scores = output + group * rowWords
        let greatest = scores + group * (RowBuffer.byteCount(pageRows) / 4)
        let totals = greatest + RowBuffer.byteCount(group) / 4
        let keyRoom = totals + RowBuffer.byteCount(group) / 4
        for index in 0..<group {
            let column = (keyHead * group + index) * width
            RowConversion.widen(q.address(row, column), q.elementType, to: queries + index * rowWords, count: width)
        }
        output.update(repeating: 0, count: group * rowWords)
        greatest.update(repeating: -.infinity, count: group)
        totals.update(repeating: 0, count: group)
        let sequence = Int(sequences.integers(row)[0])
        let range = ranges.integers(row)
        let limit = pages.columns * pageRows
        var position = max(0, Int(range[0]))
        let end = sequence >= 0 && sequence < pages.rows ? min(limit, Int(range[1])) : 0
        while position < end {
            let number = position / pageRows
            let first = Int(pages.integers(sequence)[number]) * pageRows + position - number * pageRows
            let count = min(end, (number + 1) * pageRows) - position
            position += count
            // A page that the cache does not have holds nothing.
            guard first >= 0, first + count <= keys.rows else { continue }
            let kPage = page(keys, first, count, keyHead, keyRoom)
            let vPage = page(values, first, count, keyHead, keyRoom + pageBytes / 4)
            score(queries, rowWords, kPage, count, scores, sums)
            for index in 0..<group {
                weigh(
                    scores + index * (RowBuffer.byteCount(pageRows) / 4), count, vPage, output + index * rowWords, &greatest[index],
                    &totals[index])
            }
        }
        for index in 0..<group {
            let sum = totals[index]
            RowScale.multiply(output + index * rowWords, by: sum == 0 ? 0 : 1 / sum, width)
            RowConversion.narrow(
                output + index * rowWords, to: o.address(row, (keyHead * group + index) * width), o.elementType, count: width)
        }
    }

    private typealias Page = (rows: UnsafePointer<Float>, stride: Int)

    /// Rows of one head as float32, where they lie or widened.
    @inline(__always)
    private func page(_ matrix: Matrix, _ first: Int, _ count: Int, _ head: Int, _ room: UnsafeMutablePointer<Float>) -> Page {
        if matrix.elementType == .float32 { return (UnsafePointer(matrix.floats(first, head * width)), matrix.rowStride) }
        for row in 0..<count {
            RowConversion.widen(matrix.address(first + row, head * width), matrix.elementType, to: room + row * width, count: width)
        }
        return (UnsafePointer(room), width)
    }

    /// Scores of the group's queries with a page's keys, scaled and capped; those behind the last
    /// key are -infinity up to whole vectors.
    @inline(__always)
    private func score(
        _ queries: UnsafePointer<Float>, _ queryStride: Int, _ keys: Page, _ count: Int, _ scores: UnsafeMutablePointer<Float>,
        _ sums: UnsafeMutablePointer<Float>
    ) {
        let stride = RowBuffer.byteCount(pageRows) / 4
        let whole = (count + 15) / 16 * 16
        for key in Swift.stride(from: 0, to: count, by: 4) {
            let some = min(4, count - key)
            RowDots.run(
                RowDots.Single.self, queries, stride: queryStride, rows: group, keys.rows + key * keys.stride, step: keys.stride * 4,
                columns: some, width, sums
            ) { query, sums in
                for j in 0..<some { scores[query * stride + key + j] = sums[j] }
            }
        }
        for query in 0..<group {
            let row = scores + query * stride
            for place in count..<whole { row[place] = 0 }
            ScoreRow.cap(row, 0, whole, shape)
            for place in count..<whole { row[place] = -.infinity }
        }
    }

    /// Adds a page's values by their weights, relative to the greatest score so far.
    @inline(__always)
    private func weigh(
        _ scores: UnsafeMutablePointer<Float>, _ count: Int, _ values: Page, _ output: UnsafeMutablePointer<Float>,
        _ greatest: inout Float, _ total: inout Float
    ) {
        let whole = (count + 15) / 16 * 16
        var top = Vector.broadcast(-.infinity)
        for i in stride(from: 0, to: whole, by: 16) { top = load(scores + i).greater(top) }
        let (old, new) = (greatest, max(greatest, top.greatest))
        var sum = Vector.zero
        for i in stride(from: 0, to: whole, by: 16) {
            let weight = exponentialOfNegative(load(scores + i) - new)
            sum += weight
            store(weight, scores + i)
        }
        let shrink = old == new ? 1 : old > -.infinity ? exp(old - new) : 0
        greatest = new
        total = total * shrink + sum.total
        var i = 0
        while i < width {
            let part = min(16, width - i)
            var sums = loadPart(output + i, part) * shrink
            var value = values.rows + i
            if part == 16 {
                for key in 0..<count {
                    sums = sums.addingProduct(load(value), .broadcast(scores[key]))
                    value += values.stride
                }
            } else {
                for key in 0..<count {
                    sums = sums.addingProduct(loadPart(value, part), .broadcast(scores[key]))
                    value += values.stride
                }
            }
            storePart(sums, output + i, part)
            i += 16
        }
    }
}
