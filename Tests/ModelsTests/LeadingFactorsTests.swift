import Testing

@testable import Models

@Suite struct LeadingFactorsTests {
    /// A matrix whose singular values fall by a fifth from one to the next.
    private static func matrix(_ rows: Int, _ columns: Int, count: Int) -> [Float] {
        var random = RandomNumbers(seed: 7, name: "\(rows)x\(columns)")
        var matrix = [Double](repeating: 0, count: rows * columns)
        var size = 3.0
        for _ in 0..<count {
            let left = (0..<rows).map { _ in 2 * random.unit() - 1 }
            let right = (0..<columns).map { _ in 2 * random.unit() - 1 }
            for row in 0..<rows { for column in 0..<columns { matrix[row * columns + column] += size * left[row] * right[column] } }
            size *= 0.8
        }
        return matrix.map { Float($0) }
    }

    /// Vectors are orthonormal, and the matrix takes the one to the other, times the value.
    @Test(arguments: [(40, 30, 5, 30), (30, 40, 30, 30), (200, 150, 6, 100), (90, 300, 3, 80), (1, 7, 1, 1)])
    func vectorsAndValuesAreThoseOfTheMatrix(rows: Int, columns: Int, rank: Int, count: Int) {
        let matrix = Self.matrix(rows, columns, count: count)
        let found = LeadingFactors(
            of: matrix, rows: rows, columns: columns, rank: rank, passes: nil, random: RandomNumbers(seed: 1, name: "q"))
        let isFalling = zip(found.values, found.values.dropFirst()).allSatisfy { $0 >= $1 }
        #expect(isFalling && found.values.count == rank)
        for i in 0..<rank {
            for j in 0..<rank {
                let left = (0..<rows).reduce(0.0) { $0 + found.left[$1 * rank + i] * found.left[$1 * rank + j] }
                let right = (0..<columns).reduce(0.0) { $0 + found.right[i * columns + $1] * found.right[j * columns + $1] }
                #expect(abs(left - (i == j ? 1 : 0)) < 1e-9 && abs(right - (i == j ? 1 : 0)) < 1e-9, "\(i) \(j)")
            }
            var worst = 0.0
            for row in 0..<rows {
                let image = (0..<columns).reduce(0.0) { $0 + Double(matrix[row * columns + $1]) * found.right[i * columns + $1] }
                worst = max(worst, abs(image - found.values[i] * found.left[row * rank + i]))
            }
            // And back, which tells singular vectors from others.
            for column in 0..<columns {
                let image = (0..<rows).reduce(0.0) { $0 + Double(matrix[$1 * columns + column]) * found.left[$1 * rank + i] }
                worst = max(worst, abs(image - found.values[i] * found.right[i * columns + column]))
            }
            #expect(worst < 2e-5 * found.values[0], "vector \(i) is off by \(worst) of \(found.values[0])")
        }
    }

    @Test func aMatrixOfLowerRankHasZerosBehindIt() {
        let matrix = Self.matrix(20, 24, count: 2)
        let found = LeadingFactors(of: matrix, rows: 20, columns: 24, rank: 4, passes: nil, random: RandomNumbers(seed: 1, name: "q"))
        #expect(found.values[1] > 1 && found.values[2] < 1e-5 * found.values[0])
        let areNumbers = (found.left + found.right).allSatisfy { $0.isFinite }
        #expect(areNumbers)
    }

    @Test func theSameMatrixGivesTheSameNumbers() {
        let matrix = Self.matrix(300, 130, count: 60)
        let both = (0..<2).map { _ in
            LeadingFactors(of: matrix, rows: 300, columns: 130, rank: 8, passes: 3, random: RandomNumbers(seed: 1, name: "q"))
        }
        #expect(both[0].left == both[1].left && both[0].values == both[1].values && both[0].right == both[1].right)
    }
}
