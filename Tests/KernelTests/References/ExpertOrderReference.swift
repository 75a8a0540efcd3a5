import Graph
import Tensors

enum ExpertOrderReference: KernelReference {
    static func outputs(_ operation: ExpertOrder, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        let (places, offsets) = order(inputs[0].values.map { Int($0) }, operation.expertCount)
        return [
            Expected(rows: types[0].rows, columns: types[0].columns) { Bounded(Double(places[$0 * types[0].columns + $1])) },
            Expected(rows: types[1].rows, columns: 1) { row, _ in Bounded(Double(offsets[row])) },
        ]
    }

    /// A stable sort.
    static func order(_ experts: [Int], _ count: Int) -> (places: [Int], offsets: [Int]) {
        let sorted = experts.indices.sorted { (experts[$0], $0) < (experts[$1], $1) }
        var places = Array(repeating: 0, count: experts.count)
        for (place, index) in sorted.enumerated() { places[index] = place }
        return (places, (0...count).map { expert in experts.filter { $0 < expert }.count })
    }

    /// How rows fall to experts.
    enum Fall: CaseIterable {
        case random
        /// One expert has all of a rank.
        case one
        /// Some experts have none.
        case few
    }

    /// Different experts for each token.
    static func experts(_ random: inout CaseRandom, _ rows: Int, _ count: Int, of experts: Int, _ fall: Fall) -> Operand {
        var chosen: [[Int]] = []
        for row in 0..<rows {
            switch fall {
            case .random: chosen.append(random.distinct(count, below: experts))
            case .one: chosen.append((0..<count).map { (experts / 2 + $0) % experts })
            case .few: chosen.append((0..<count).map { (row % 2 + 2 * $0) % experts })
            }
        }
        return random.operand(rows, count, .int32) { Double(chosen[$0][$1]) + 0 * $2.unit() }
    }

    /// Places as the sort gives them, and offsets.
    static func places(_ random: inout CaseRandom, _ rows: Int, _ count: Int, of experts: Int, _ fall: Fall) -> (Operand, Operand) {
        let chosen = Self.experts(&random, rows, count, of: experts, fall).values.map { Int($0) }
        let (places, offsets) = order(chosen, experts)
        return (
            random.operand(rows, count, .int32) { row, column, _ in Double(places[row * count + column]) },
            random.operand(experts + 1, 1, .int32) { row, _, _ in Double(offsets[row]) }
        )
    }

    static let sizes: [(rows: Int, count: Int, experts: Int)] = [(1, 1, 1), (1, 2, 5), (3, 2, 4), (17, 2, 4), (65, 8, 64), (131, 3, 7)]

    static var cases: [KernelCase] {
        sizes.flatMap { size in
            Fall.allCases.map { fall in
                test("\(size) \(fall)", ExpertOrder(expertCount: size.experts)) {
                    [experts(&$0, size.rows, size.count, of: size.experts, fall)]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("2048 x 8 of 64", ExpertOrder(expertCount: 64)) { [experts(&$0, 2048, 8, of: 64, .random)] }]
    }
}
