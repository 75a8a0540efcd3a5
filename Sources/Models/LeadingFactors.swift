import Basics
import Quantization

/// The largest singular values of a matrix `W` `[rows, columns]` with their vectors: `W` is nearest
/// to `left * values * right` among the matrices of this rank.
///
/// By subspace iteration (Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4) on a
/// few more vectors than are wanted, in float64. Every sum has its order whatever the number of
/// threads, so the same matrix gives the same bytes.
struct LeadingFactors {
    /// `[rows, rank]`, row-major.
    private(set) var left: [Double]
    private(set) var values: [Double]
    /// `[rank, columns]`.
    private(set) var right: [Double]

    /// Passes after which a search for what no longer changes ends.
    private static let passLimit = 300
    /// How little the values change, in relation to themselves, where a search ends.
    private static let tolerance = 1e-13
    /// A matrix with no more rows or columns is taken apart whole.
    private static let wholeWidth = 64

    /// - Parameters:
    ///   - rank: at most the lesser of rows and columns.
    ///   - passes: over the matrix; nil: until the values no longer change.
    ///   - random: draws the first vectors.
    init(of matrix: [Float], rows: Int, columns: Int, rank: Int, passes: Int?, random: RandomNumbers) {
        let least = min(rows, columns)
        let width = least <= Self.wholeWidth ? least : min(least, rank + max(8, rank))
        var random = random
        var q = Block(rows: columns, width: width)
        for index in q.numbers.indices { q.numbers[index] = 2 * random.unit() - 1 }
        q.makeOrthonormal()
        var before: [Double] = []
        for _ in 0..<max(1, passes ?? Self.passLimit) {
            var y = Block.product(matrix, columns: columns, q, rows: rows)
            y.makeOrthonormal()
            q = Block.transposedProduct(matrix, columns: columns, y)
            if passes == nil {
                let now = Array(q.gram.eigenvalues().values.prefix(rank))
                let isSettled = zip(now, before).allSatisfy { abs($0 - $1) <= Self.tolerance * max($0, .leastNormalMagnitude) }
                q.makeOrthonormal()
                if isSettled, !before.isEmpty { break }
                before = now
            } else {
                q.makeOrthonormal()
            }
        }
        let y = Block.product(matrix, columns: columns, q, rows: rows)
        let (squares, vectors) = y.gram.eigenvalues()
        values = squares.prefix(rank).map { max(0, $0).squareRoot() }
        left = [Double](repeating: 0, count: rows * rank)
        right = [Double](repeating: 0, count: rank * columns)
        for index in 0..<rank {
            let value = values[index]
            for row in 0..<rows where value > 0 {
                var sum = 0.0
                for j in 0..<width { sum += y.numbers[row * width + j] * vectors[j * width + index] }
                left[row * rank + index] = sum / value
            }
            for column in 0..<columns {
                var sum = 0.0
                for j in 0..<width { sum += q.numbers[column * width + j] * vectors[j * width + index] }
                right[index * columns + column] = sum
            }
        }
    }

    /// A tall matrix `[rows, width]`.
    private struct Block {
        let rows: Int
        let width: Int
        var numbers: [Double]

        init(rows: Int, width: Int) {
            (self.rows, self.width) = (rows, width)
            numbers = [Double](repeating: 0, count: rows * width)
        }

        /// Gram and Schmidt's method, twice, which is enough (Giraud et al. 2005). A column that
        /// depends on those before it becomes zero.
        mutating func makeOrthonormal() {
            numbers.withUnsafeMutableBufferPointer { numbers in
                for column in 0..<width {
                    var length = 0.0
                    for row in 0..<rows { length += numbers[row * width + column] * numbers[row * width + column] }
                    let first = length.squareRoot()
                    for _ in 0..<2 {
                        for other in 0..<column {
                            var dot = 0.0
                            for row in 0..<rows { dot += numbers[row * width + column] * numbers[row * width + other] }
                            for row in 0..<rows { numbers[row * width + column] -= dot * numbers[row * width + other] }
                        }
                    }
                    length = 0
                    for row in 0..<rows { length += numbers[row * width + column] * numbers[row * width + column] }
                    let isGone = length.squareRoot() <= 1e-14 * first || length == 0
                    let factor = isGone ? 0 : 1 / length.squareRoot()
                    for row in 0..<rows { numbers[row * width + column] *= factor }
                }
            }
        }

        /// The products of the columns with one another.
        var gram: Symmetric {
            var gram = Symmetric(width: width)
            for row in 0..<rows {
                for i in 0..<width {
                    let factor = numbers[row * width + i]
                    for j in 0..<width { gram.numbers[i * width + j] += factor * numbers[row * width + j] }
                }
            }
            return gram
        }

        private static let piece = 64

        /// `W q`.
        static func product(_ matrix: [Float], columns: Int, _ q: Block, rows: Int) -> Block {
            var y = Block(rows: rows, width: q.width)
            let width = q.width
            matrix.withUnsafeBufferPointer { matrix in
                q.numbers.withUnsafeBufferPointer { q in
                    y.numbers.withUnsafeMutableBufferPointer { y in
                        nonisolated(unsafe) let w = matrix
                        nonisolated(unsafe) let source = q
                        nonisolated(unsafe) let target = y
                        ParallelWork.run(count: (rows + piece - 1) / piece) { part in
                            for row in part * piece..<min(rows, (part + 1) * piece) {
                                for k in 0..<columns {
                                    let factor = Double(w[row * columns + k])
                                    for j in 0..<width { target[row * width + j] += factor * source[k * width + j] }
                                }
                            }
                        }
                    }
                }
            }
            return y
        }

        /// `Wᵀ y`.
        static func transposedProduct(_ matrix: [Float], columns: Int, _ y: Block) -> Block {
            var z = Block(rows: columns, width: y.width)
            let (rows, width) = (y.rows, y.width)
            matrix.withUnsafeBufferPointer { matrix in
                y.numbers.withUnsafeBufferPointer { y in
                    z.numbers.withUnsafeMutableBufferPointer { z in
                        nonisolated(unsafe) let w = matrix
                        nonisolated(unsafe) let source = y
                        nonisolated(unsafe) let target = z
                        ParallelWork.run(count: (columns + piece - 1) / piece) { part in
                            for row in 0..<rows {
                                for k in part * piece..<min(columns, (part + 1) * piece) {
                                    let factor = Double(w[row * columns + k])
                                    for j in 0..<width { target[k * width + j] += factor * source[row * width + j] }
                                }
                            }
                        }
                    }
                }
            }
            return z
        }
    }

    /// A symmetric matrix of a few rows.
    private struct Symmetric {
        let width: Int
        var numbers: [Double]

        init(width: Int) {
            self.width = width
            numbers = [Double](repeating: 0, count: width * width)
        }

        /// Eigenvalues, the largest first, and their vectors as columns, by Jacobi's rotations
        /// (Golub and Van Loan 2013, section 8.5).
        func eigenvalues() -> (values: [Double], vectors: [Double]) {
            var a = numbers
            let n = width
            var v = [Double](repeating: 0, count: n * n)
            for index in 0..<n { v[index * n + index] = 1 }
            for _ in 0..<60 {
                var off = 0.0
                var diagonal = 0.0
                for i in 0..<n {
                    diagonal += a[i * n + i] * a[i * n + i]
                    for j in 0..<i { off += a[i * n + j] * a[i * n + j] }
                }
                if off <= 1e-32 * diagonal { break }
                for p in 0..<n {
                    for q in (p + 1)..<max(p + 1, n) where a[p * n + q] != 0 {
                        let theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q])
                        let t = (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
                        let c = 1 / (t * t + 1).squareRoot()
                        let s = t * c
                        for k in 0..<n {
                            let (x, y) = (a[k * n + p], a[k * n + q])
                            (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y)
                        }
                        for k in 0..<n {
                            let (x, y) = (a[p * n + k], a[q * n + k])
                            (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y)
                        }
                        for k in 0..<n {
                            let (x, y) = (v[k * n + p], v[k * n + q])
                            (v[k * n + p], v[k * n + q]) = (c * x - s * y, s * x + c * y)
                        }
                    }
                }
            }
            let order = (0..<n).sorted { (a[$0 * n + $0], $1) > (a[$1 * n + $1], $0) }
            var vectors = v
            for (place, index) in order.enumerated() { for k in 0..<n { vectors[k * n + place] = v[k * n + index] } }
            return (order.map { a[$0 * n + $0] }, vectors)
        }
    }
}
