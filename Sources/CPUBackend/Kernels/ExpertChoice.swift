import Glibc
import Graph

extension ExpertChoice: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { ExpertChoiceKernel(self, operands) }
}

/// The largest logits of each row, and their weights.
final class ExpertChoiceKernel: Kernel {
    private let weighting: ExpertWeighting
    private let (logits, weights, experts): (Matrix, Matrix, Matrix)
    private let blocks: RowBlocks

    init(_ operation: ExpertChoice, _ operands: KernelOperands) {
        weighting = operation.weighting
        (logits, weights, experts) = (operands.inputs[0], operands.outputs[0], operands.outputs[1])
        blocks = RowBlocks(rows: logits.rows, columns: 4 * logits.columns)
        super.init()
    }

    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for row in blocks.rows(of: block) {
            let chosen = (experts.base + row * experts.rowBytes).assumingMemoryBound(to: Int32.self)
            ExpertShares.choose(logits.floats(row), logits.columns, weights.columns, chosen)
            let target = weights.floats(row)
            var set = ExpertShares.set(
                weighting, logits.floats(row), chosen, 0, count: weights.columns, expertCount: logits.columns)
            for rank in 0..<weights.columns {
                if rank > 0, set.isSequential {
                    set = ExpertShares.set(
                        weighting, logits.floats(row), chosen, rank, count: weights.columns, expertCount: logits.columns)
                }
                target[rank] = set.share(of: Int(chosen[rank]))
            }
        }
    }
}

/// The softmax of which an expert's weight is a share.
enum ExpertShares {
    /// Writes the indices of the largest logits, the first of equal ones first.
    @inline(__always)
    static func choose(_ logits: UnsafePointer<Float>, _ expertCount: Int, _ count: Int, _ chosen: UnsafeMutablePointer<Int32>) {
        for rank in 0..<count {
            var best = -1
            for expert in 0..<expertCount where !isAmong(expert, chosen, rank) {
                if best < 0 || logits[expert] > logits[best] { best = expert }
            }
            chosen[rank] = Int32(best)
        }
    }

    @inline(__always) static func isAmong(_ expert: Int, _ chosen: UnsafePointer<Int32>, _ count: Int) -> Bool {
        for index in 0..<count where Int(chosen[index]) == expert { return true }
        return false
    }

    /// The set over which the softmax of a rank runs.
    struct Set {
        let weighting: ExpertWeighting
        let logits: UnsafePointer<Float>
        let chosen: UnsafePointer<Int32>
        let rank: Int
        /// Experts that a token chooses.
        let count: Int
        let expertCount: Int
        var largest: Float = 0
        var sum: Float = 0

        @inline(__always) func holds(_ expert: Int) -> Bool {
            switch weighting {
            case .overChosen: return isAmong(expert, chosen, count)
            case .overAll: return true
            case .among(let threshold):
                if isAmong(expert, chosen, rank) { return false }
                let (top, own) = (logits[Int(chosen[rank])], logits[expert])
                return !((top - own) / max(abs(own), top) > threshold)
            }
        }

        @inline(__always) func share(of expert: Int) -> Float { expf(logits[expert] - largest) / sum }
    }

    @inline(__always)
    static func set(
        _ weighting: ExpertWeighting, _ logits: UnsafePointer<Float>, _ chosen: UnsafePointer<Int32>, _ rank: Int, count: Int,
        expertCount: Int
    ) -> Set {
        var set = Set(weighting: weighting, logits: logits, chosen: chosen, rank: rank, count: count, expertCount: expertCount)
        // The largest of all that are left is the one of this rank; of all, the first.
        set.largest = logits[Int(chosen[set.isSequential ? rank : 0])]
        if weighting == .overChosen {
            for index in 0..<count { set.sum += expf(logits[Int(chosen[index])] - set.largest) }
        } else {
            for expert in 0..<expertCount where set.holds(expert) { set.sum += expf(logits[expert] - set.largest) }
        }
        return set
    }
}

extension ExpertShares.Set {
    /// Whether each rank has a set of its own.
    @inline(__always) var isSequential: Bool { if case .among = weighting { true } else { false } }
}
