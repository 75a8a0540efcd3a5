import Graph
import Tensors

/// How attention is cut into blocks of queries and keys, and the block products for whole and for
/// last, smaller blocks.
struct AttentionBlocks {
    /// Rows of a block of queries and of a block of keys. The scores of one pair of blocks stay in
    /// the second-level cache with their inputs.
    static let queryRows = 64
    static let keyRows = 128
    /// Blocks of queries that are multiplied together where all of them see the same whole block of
    /// keys: to pack the second operand costs as much as some 10 to 30 rows of a product.
    static let stripeBlocks = SIMD4<Int>.scalarCount
    static let stripeRows = stripeBlocks * queryRows

    let shape: AttentionShape
    let queryCount: Int
    let keyCount: Int
    /// What the products take: bfloat16 where the processor multiplies it, else float32, into which
    /// other types are widened.
    let inputType: ElementType
    let isConverted: Bool

    init(_ shape: AttentionShape, q: Matrix, k: Matrix, products: ProductLibrary) {
        self.shape = shape
        queryCount = q.rows
        keyCount = k.rows
        inputType = q.elementType == .bfloat16 && products.hasBfloat16 ? .bfloat16 : .float32
        isConverted = q.elementType != inputType
    }

    var queryBlocks: Int { (queryCount + Self.queryRows - 1) / Self.queryRows }
    var keyBlocks: Int { (keyCount + Self.keyRows - 1) / Self.keyRows }
    /// Rows of queries that a thread takes at a time: a stripe where there are enough of them for
    /// many threads, else a block.
    private var takenRows: Int { queryBlocks / Self.stripeBlocks * shape.headCount >= 32 ? Self.stripeRows : Self.queryRows }
    var stripes: Int { (queryCount + takenRows - 1) / takenRows }
    var headWidth: Int { shape.headWidth }
    var groupSize: Int { shape.headCount / shape.keyValueHeadCount }

    func queries(_ block: Int) -> Range<Int> { block * Self.queryRows..<min(queryCount, (block + 1) * Self.queryRows) }
    func stripe(_ index: Int) -> Range<Int> { index * takenRows..<min(queryCount, (index + 1) * takenRows) }
    func keys(_ block: Int) -> Range<Int> { block * Self.keyRows..<min(keyCount, (block + 1) * Self.keyRows) }

    /// The distance of rows of a block of q, k, v or dO, as the products see it.
    func stride(_ matrix: Matrix) -> Int { isConverted ? shape.headWidth : matrix.rowStride }

    /// Bytes of one widened block of keys.
    var convertedBytes: Int { isConverted ? RowBuffer.byteCount(Self.keyRows * shape.headWidth) : 0 }
    /// Bytes of widened queries.
    var convertedQueryBytes: Int { isConverted ? RowBuffer.byteCount(Self.stripeRows * shape.headWidth) : 0 }

    /// A block of one head, where it lies or widened into the buffer.
    @inline(__always) func block(_ matrix: Matrix, _ rows: Range<Int>, head: Int, _ buffer: UnsafeMutableRawPointer)
        -> UnsafeMutableRawPointer
    {
        let column = head * shape.headWidth
        if !isConverted { return matrix.address(rows.lowerBound, column) }
        var target = buffer.assumingMemoryBound(to: Float.self)
        for row in rows {
            RowConversion.widen(matrix.address(row, column), matrix.elementType, to: target, count: shape.headWidth)
            target += shape.headWidth
        }
        return buffer
    }

    /// The keys that a query sees, within the keys that there are.
    @inline(__always) func visibleKeys(_ ranges: Matrix, _ query: Int) -> (first: Int, end: Int) {
        let range = ranges.integers(query)
        return (max(0, Int(range[0])), min(keyCount, Int(range[1])))
    }
}

/// A block product in several versions: for a whole or a last block of queries, and for some
/// numbers of keys; and one for a stripe of queries and a whole block of keys.
struct EdgeProducts {
    private var products: [BlockProduct?] = []
    private let stripe: BlockProduct?
    private(set) var scratchByteCount = 0

    /// - Parameters:
    ///   - fewest: with fewer keys than 32, their number; or that of the last block, where it is
    ///     not a multiple of 32.
    ///   - make: the shape for so many query rows and key rows.
    init(
        _ blocks: AttentionBlocks, exact: Int, _ library: ProductLibrary, _ make: (_ queries: Int, _ keys: Int) -> BlockProductShape
    ) {
        let hasStripes = blocks.queryCount >= AttentionBlocks.stripeRows && blocks.keyCount >= AttentionBlocks.keyRows
        stripe = hasStripes ? library.product(make(AttentionBlocks.stripeRows, AttentionBlocks.keyRows)) : nil
        scratchByteCount = stripe?.scratchByteCount ?? 0
        let lastQueries = blocks.queryCount - max(0, blocks.queryBlocks - 1) * AttentionBlocks.queryRows
        for queries in [AttentionBlocks.queryRows, lastQueries] {
            for keys in [32, 64, 96, 128, exact] {
                guard keys > 0, keys <= blocks.keyCount, queries <= blocks.queryCount else {
                    products.append(nil)
                    continue
                }
                let product = library.product(make(queries, keys))
                scratchByteCount = max(scratchByteCount, product.scratchByteCount)
                products.append(product)
            }
        }
    }

    /// Runs the version for so many rows and keys. invariant: `KeySpan` gives only numbers that
    /// there are versions for.
    @inline(__always) func run(
        _ queries: Int, _ keys: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer,
        scratch: UnsafeMutableRawPointer,
        thread: Int
    ) -> Int32 {
        if queries == AttentionBlocks.stripeRows { return stripe?.run(a, b, c, scratch: scratch, thread: thread) ?? -1 }
        let version = (queries == AttentionBlocks.queryRows ? 0 : 5) + (keys % 32 == 0 ? keys / 32 - 1 : 4)
        return products[version]?.run(a, b, c, scratch: scratch, thread: thread) ?? -1
    }
}

/// Some consecutive keys that a product takes: a multiple of 32 of them, so that few versions of
/// products are needed.
struct KeySpan {
    let start: Int
    let count: Int

    /// The keys `first ..< end` and some more, within `0 ..< limit`: more behind them if there are,
    /// else before them, else all. `end - first` is at most 128.
    init(_ first: Int, _ end: Int, limit: Int) {
        let wanted = (end - first + 31) / 32 * 32
        if wanted > limit {
            (start, count) = (0, limit)
        } else {
            (start, count) = (min(first, limit - wanted), wanted)
        }
    }
}
