import Graph
import Basics
import Tensors

/// Draws the content of operands, so that a printed seed gives the same case again.
struct CaseRandom: RandomNumberGenerator {
    private var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { generator.next() }

    /// A number of the unit interval.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A matrix of numbers between the bounds, rounded to the type.
    mutating func numbers(_ rows: Int, _ columns: Int, _ type: ElementType = .float32, in range: ClosedRange<Double> = -1...1) -> Operand {
        let width = range.upperBound - range.lowerBound
        return operand(rows, columns, type) { _, _, random in type.stored(range.lowerBound + width * random.unit()) }
    }

    /// A column of row numbers in the range.
    mutating func indices(_ count: Int, in range: Range<Int>) -> Operand {
        operand(count, 1, .int32) { _, _, random in Double(range.lowerBound + Int(random.next() % UInt64(range.count))) }
    }

    /// Targets of rows of logits `[rows, 1]`: the largest column, some others, and none (-1).
    mutating func targets(of logits: Operand) -> Operand {
        let matrix = logits.matrix
        let largest = (0..<matrix.rows).map { row -> Int in
            let numbers = Array(matrix.row(row))
            return numbers.firstIndex(of: numbers.max() ?? 0) ?? 0
        }
        return operand(matrix.rows, 1, .int32) { row, _, random in
            switch row % 4 {
            case 0: Double(largest[row])
            case 3: -1
            default: Double(random.next() % UInt64(matrix.columns))
            }
        }
    }

    /// Numbers given one by one.
    mutating func operand(_ rows: Int, _ columns: Int, _ type: ElementType, _ value: (Int, Int, inout CaseRandom) -> Double) -> Operand {
        var values: [Double] = []
        values.reserveCapacity(rows * columns)
        for row in 0..<rows { for column in 0..<columns { values.append(value(row, column, &self)) } }
        return Operand(type: TensorType(rows: rows, columns: columns, type), values: values)
    }

    /// `count` different numbers of `0 ..< limit`, in any order.
    mutating func distinct(_ count: Int, below limit: Int) -> [Int] { Array((0..<limit).shuffled(using: &self).prefix(count)) }
}

/// An operand of a case: its type and content.
struct Operand: Sendable {
    var type: TensorType
    var values: [Double]

    var matrix: HostMatrix { HostMatrix(rows: type.rows, columns: type.columns, values: values) }
}
