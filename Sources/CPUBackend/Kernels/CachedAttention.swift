import CProducts
import Glibc
import Graph
import Tensors

extension CachedAttention: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { CachedAttentionKernel(self, operands) }
}

/// Softmax attention over pages of a cache: a thread takes one head of keys with all heads of
/// queries that share it, of one row or of some rows of a prompt, and walks the pages in order. A
/// row's sums are those that it has alone.
final class CachedAttentionKernel: Kernel {
    private let shape: AttentionShape
    private let pageRows: Int
    private let (q, keys, values, o): (Matrix, Matrix, Matrix, Matrix)
    private let (ranges, sequences, pages): (Matrix, Matrix, Matrix)
    private let sinks: Matrix?
    /// Rows that a thread takes at a time: where there are many, keys that are widened serve
    /// several.
    private let rowsTogether: Int

    init(_ operation: CachedAttention, _ operands: KernelOperands) {
        (shape, pageRows) = (operation.shape, operation.pageRows)
        (q, keys, values) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        (ranges, sequences, pages) = (operands.inputs[3], operands.inputs[4], operands.inputs[5])
        o = operands.outputs[0]
        sinks = operation.hasSinks ? operands.inputs[6] : nil
        rowsTogether = q.rows >= 64 ? 8 : 1
        super.init()
    }

    private var group: Int { shape.headCount / shape.keyValueHeadCount }
    private var width: Int { shape.headWidth }
    private var pageBytes: Int { RowBuffer.byteCount(pageRows * width) }
    private var rowWords: Int { RowBuffer.byteCount(width) / 4 }
    /// Scores of a page, and room behind them up to a whole vector from any of them on.
    private var scoreWords: Int { RowBuffer.byteCount(pageRows + 16) / 4 }
    private var queryCount: Int { rowsTogether * group }

    override func blockCount(_ phase: Int) -> Int { (q.rows + rowsTogether - 1) / rowsTogether * shape.keyValueHeadCount }

    /// Queries and sums of values, scores, greatest scores, sums of weights and their shrinking;
    /// a page of keys and one of values where they are widened before.
    override var scratchByteCount: Int {
        queryCount * (2 * rowWords + scoreWords) * 4 + 3 * RowBuffer.byteCount(queryCount) + 2 * pageBytes
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let (part, keyHead) = (block / shape.keyValueHeadCount, block % shape.keyValueHeadCount)
        let end = min(q.rows, (part + 1) * rowsTogether)
        var row = part * rowsTogether
        while row < end {
            let sequence = sequences.integers(row)[0]
            var next = row + 1
            while next < end, sequences.integers(next)[0] == sequence { next += 1 }
            attend(row..<next, Int(sequence), keyHead, workspace.scratch.assumingMemoryBound(to: Float.self))
            row = next
        }
    }

    /// The positions that a row sees.
    @inline(__always)
    private func positions(_ row: Int, _ limit: Int) -> (first: Int, end: Int) {
        let range = ranges.integers(row)
        return (max(0, Int(range[0])), min(limit, Int(range[1])))
    }

    private func attend(_ rows: Range<Int>, _ sequence: Int, _ keyHead: Int, _ queries: UnsafeMutablePointer<Float>) {
        let output = queries + queryCount * rowWords
        let scores = output + queryCount * rowWords
        let greatest = scores + queryCount * scoreWords
        let totals = greatest + RowBuffer.byteCount(queryCount) / 4
        let shrinks = totals + RowBuffer.byteCount(queryCount) / 4
        let keyRoom = shrinks + RowBuffer.byteCount(queryCount) / 4
        let count = rows.count * group
        for query in 0..<count {
            let column = (keyHead * group + query % group) * width
            RowConversion.widen(
                q.address(rows.lowerBound + query / group, column), q.elementType, to: queries + query * rowWords, count: width)
        }
        output.update(repeating: 0, count: count * rowWords)
        greatest.update(repeating: -.infinity, count: count)
        totals.update(repeating: 0, count: count)
        let limit = sequence >= 0 && sequence < pages.rows ? pages.columns * pageRows : 0
        var (first, end) = (Int.max, 0)
        for row in rows {
            let own = positions(row, limit)
            if own.first < own.end { (first, end) = (min(first, own.first), max(end, own.end)) }
        }
        while first < end {
            let number = first / pageRows
            let pageStart = number * pageRows
            let pageFirst = Int(pages.integers(sequence)[number]) * pageRows
            // A page that the cache does not have holds nothing.
            let held = pageFirst < 0 ? 0 : min(pageRows, keys.rows - pageFirst)
            let pageEnd = min(end, pageStart + pageRows)
            let visible = min(pageEnd, pageStart + held) - first
            if visible > 0 {
                let isDirect = readsDirectly(rows)
                let kPage = page(keys, pageFirst + first - pageStart, visible, keyHead, isDirect ? nil : keyRoom)
                let vPage = page(values, pageFirst + first - pageStart, visible, keyHead, isDirect ? nil : keyRoom + pageBytes / 4)
                score(queries, count, kPage, visible, scores)
                for row in rows {
                    var own = positions(row, limit)
                    own = (max(first, own.first), min(pageEnd, own.end))
                    guard own.first < own.end, own.end <= pageStart + held else { continue }
                    let offset = own.first - first
                    let page = vPage.from(offset)
                    let queries = (row - rows.lowerBound) * group..<(row - rows.lowerBound + 1) * group
                    for query in queries {
                        shrinks[query] = weigh(scores + query * scoreWords + offset, own.end - own.first, &greatest[query], &totals[query])
                    }
                    add(page, own.end - own.first, scores + queries.lowerBound * scoreWords + offset, shrinks, queries, to: output)
                }
            }
            first = pageEnd
        }
        for query in 0..<count {
            var (top, sum, shrink) = (greatest[query], totals[query], Float(1))
            if let sinks, sum != 0 { AttentionSink(sinks, keyHead * group + query % group).join(&top, &sum, &shrink) }
            let place = output + query * rowWords
            RowScale.multiply(place, by: sum == 0 ? 0 : shrink / sum, width)
            let column = (keyHead * group + query % group) * width
            RowConversion.narrow(place, to: o.address(rows.lowerBound + query / group, column), o.elementType, count: width)
        }
    }

    /// Rows of one head.
    private struct Page {
        var rows: UnsafeRawPointer
        /// From row to row, in numbers.
        var stride: Int
        var type: ElementType

        func from(_ row: Int) -> Page { Page(rows: rows + row * stride * type.byteCount, stride: stride, type: type) }
        var floats: UnsafePointer<Float> { rows.assumingMemoryBound(to: Float.self) }
        var words: UnsafePointer<UInt16> { rows.assumingMemoryBound(to: UInt16.self) }
    }

    /// Whether narrow numbers are widened as they are read: what is read once is not worth being
    /// widened before, which gives the same numbers.
    @inline(__always)
    private func readsDirectly(_ rows: Range<Int>) -> Bool {
        keys.elementType == .float32 || rows.count == 1 && RowDots.isInC && (keys.elementType == .bfloat16 || keys.elementType == .float16)
    }

    /// Rows of one head where they lie, or widened to float32 into some room.
    @inline(__always)
    private func page(_ matrix: Matrix, _ first: Int, _ count: Int, _ head: Int, _ room: UnsafeMutablePointer<Float>?) -> Page {
        guard let room else {
            return Page(rows: UnsafeRawPointer(matrix.address(first, head * width)), stride: matrix.rowStride, type: matrix.elementType)
        }
        for row in 0..<count {
            RowConversion.widen(matrix.address(first + row, head * width), matrix.elementType, to: room + row * width, count: width)
        }
        return Page(rows: UnsafeRawPointer(room), stride: width, type: .float32)
    }

    /// Scalar products of some queries with the rows of a page.
    @inline(__always)
    private func score(
        _ queries: UnsafePointer<Float>, _ count: Int, _ page: Page, _ rows: Int, _ scores: UnsafeMutablePointer<Float>
    ) {
        switch page.type {
        case .bfloat16:
            RowDots.multiply(
                RowDots.BFloat16.self, queries, stride: rowWords, rows: count, page.rows, step: page.stride, columns: rows, width, scores,
                sumsStride: scoreWords)
        case .float16:
            RowDots.multiplyHalves(
                queries, stride: rowWords, rows: count, page.rows, step: page.stride, columns: rows, width, scores, sumsStride: scoreWords)
        default:
            RowDots.multiply(
                RowDots.Single.self, queries, stride: rowWords, rows: count, page.rows, step: page.stride, columns: rows, width, scores,
                sumsStride: scoreWords)
        }
    }

    /// Makes weights of scores, relative to the greatest score so far; gives what the sums so far
    /// shrink by. The scores are scaled and capped first; those behind the last are overwritten up
    /// to a whole vector.
    @inline(__always)
    private func weigh(
        _ scores: UnsafeMutablePointer<Float>, _ count: Int, _ greatest: inout Float, _ total: inout Float
    ) -> Float {
        let whole = (count + 15) / 16 * 16
        for place in count..<whole { scores[place] = 0 }
        ScoreRow.cap(scores, 0, whole, shape)
        for place in count..<whole { scores[place] = -.infinity }
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
        return shrink
    }

    /// Adds a page's values by their weights to the shrunken sums of some queries that see the same
    /// positions. `weights` are those of the first.
    @inline(__always)
    private func add(
        _ values: Page, _ count: Int, _ weights: UnsafePointer<Float>, _ shrinks: UnsafePointer<Float>, _ queries: Range<Int>,
        to output: UnsafeMutablePointer<Float>
    ) {
        if RowDots.isInC {
            var shape = tala_weighted_sums(
                queries: Int64(queries.count), count: Int64(count), width: Int64(width), value_stride: Int64(values.stride),
                weight_stride: Int64(scoreWords), sum_stride: Int64(rowWords))
            let first = queries.lowerBound
            let target = output + first * rowWords
            withUnsafePointer(to: &shape) { shape in
                switch values.type {
                case .bfloat16: tala_add_weighted_bfloat16(shape, values.words, weights, shrinks + first, target)
                case .float16: tala_add_weighted_halves(shape, values.words, weights, shrinks + first, target)
                default: tala_add_weighted(shape, values.floats, weights, shrinks + first, target)
                }
            }
            return
        }
        for query in queries {
            add(values, count, weights + (query - queries.lowerBound) * scoreWords, shrinks[query], to: output + query * rowWords)
        }
    }

    @inline(__always)
    private func add(
        _ values: Page, _ count: Int, _ weights: UnsafePointer<Float>, _ shrink: Float, to output: UnsafeMutablePointer<Float>
    ) {
        var i = 0
        // Four vectors at a time, so that none waits for the sum before.
        while i + 64 <= width {
            let place = output + i
            var (s0, s1, s2, s3) = (load(place) * shrink, load(place + 16) * shrink, load(place + 32) * shrink, load(place + 48) * shrink)
            var value = values.floats + i
            for key in 0..<count {
                let weight = Vector.broadcast(weights[key])
                s0 = s0.addingProduct(load(value), weight)
                s1 = s1.addingProduct(load(value + 16), weight)
                s2 = s2.addingProduct(load(value + 32), weight)
                s3 = s3.addingProduct(load(value + 48), weight)
                value += values.stride
            }
            store(s0, place)
            store(s1, place + 16)
            store(s2, place + 32)
            store(s3, place + 48)
            i += 64
        }
        while i < width {
            let part = min(16, width - i)
            var sums = loadPart(output + i, part) * shrink
            var value = values.floats + i
            if part == 16 {
                for key in 0..<count {
                    sums = sums.addingProduct(load(value), .broadcast(weights[key]))
                    value += values.stride
                }
            } else {
                for key in 0..<count {
                    sums = sums.addingProduct(loadPart(value, part), .broadcast(weights[key]))
                    value += values.stride
                }
            }
            storePart(sums, output + i, part)
            i += 16
        }
    }
}
