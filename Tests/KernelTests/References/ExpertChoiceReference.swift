import Graph
import Tensors

enum ExpertChoiceReference: KernelReference {
    /// The experts of a row, and for each rank the softmax of which its weight is a share: the set,
    /// and the share of each expert in it.
    static func shares(_ weighting: ExpertWeighting, _ logits: [Double], _ chosen: [Int], _ rank: Int) -> [Int: Bounded] {
        let set: [Int]
        switch weighting {
        case .overChosen: set = chosen
        case .overAll: set = Array(logits.indices)
        case .among(let threshold):
            let top = logits[chosen[rank]]
            set = logits.indices.filter { expert in
                !chosen[..<rank].contains(expert)
                    && (top - logits[expert]) / max(abs(logits[expert]), top) <= Double(threshold)
            }
        }
        let largest = set.map { logits[$0] }.max() ?? 0
        let weights = set.map { Bounded.exponential(Bounded(logits[$0]) - Bounded(largest)) }
        let total = Bounded.sum(weights)
        return Dictionary(zip(set, weights).map { ($0, $1 / total) }) { first, _ in first }
    }

    /// The largest first, of equal ones the first.
    static func chosen(_ logits: [Double], _ count: Int) -> [Int] {
        Array(logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }.prefix(count))
    }

    static func outputs(_ operation: ExpertChoice, _ inputs: [HostMatrix], _ types: [TensorType]) -> [Expected] {
        var weights = Expected(rows: types[0].rows, columns: types[0].columns)
        var experts = weights
        for row in 0..<types[0].rows {
            let logits = Array(inputs[0].row(row))
            let chosen = chosen(logits, operation.count)
            for rank in 0..<operation.count {
                experts[row, rank] = Bounded(Double(chosen[rank]))
                weights[row, rank] = shares(operation.weighting, logits, chosen, rank)[chosen[rank]]
            }
        }
        return [weights, experts]
    }

    /// Logits, some of them equal, no two at the threshold's distance.
    static func logits(_ random: inout CaseRandom, _ rows: Int, _ experts: Int) -> Operand {
        random.operand(rows, experts, .float32) { row, _, random in
            let number = ElementType.float32.stored(-3 + 6 * random.unit())
            return row % 4 == 3 ? number.rounded() : number
        }
    }

    static let sizes: [(rows: Int, experts: Int, count: Int)] = [
        (1, 1, 1), (1, 5, 2), (3, 4, 4), (17, 16, 2), (65, 64, 8), (33, 129, 8), (7, 300, 3),
    ]
    static let weightings: [ExpertWeighting] = [.overChosen, .overAll, .among(0.4999)]

    static var cases: [KernelCase] {
        weightings.flatMap { weighting in
            sizes.map { size in
                test("\(size) \(weighting)", ExpertChoice(count: size.count, weighting: weighting)) {
                    [logits(&$0, size.rows, size.experts)]
                }
            }
        }
    }

    static var timings: [KernelCase] {
        [test("2048 of 64 experts", ExpertChoice(count: 8)) { [logits(&$0, 2048, 64)] }]
    }
}
