import CMPI
import Ranks

/// What ranks exchange, cut into pieces of which some are under way at a time, in the order in
/// which they were begun: the network is never without work, and the memory beside is bounded.
final class PieceQueue {
    private let rank: Int
    private let count: Int
    private let world: MPI_Comm
    private var waiting: [(parts: [UnsafeMutableBufferPointer<Float>], exchange: RankExchange)] = []
    /// The first of those that wait.
    private var next = 0
    private var underWay: [PieceExchange] = []
    /// Memory for numbers of others that no piece has at the moment.
    private var free: [PartialSum] = []
    private var startedCount = 0

    /// Numbers of all parts of a piece. At 1 Gbit/s one is on its way for some milliseconds.
    private static let pieceCount = 256 << 10
    /// Pieces that are under way at a time.
    private static let width = 12

    init(rank: Int, count: Int, _ world: MPI_Comm) { (self.rank, self.count, self.world) = (rank, count, world) }

    var isEmpty: Bool { underWay.isEmpty && next == waiting.count }

    func add(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) {
        guard parts.count == count else { return }
        let longest = parts.map(\.count).max() ?? 0
        let step = max(1, Self.pieceCount / count)
        for first in stride(from: 0, to: longest, by: step) {
            let piece = parts.map {
                UnsafeMutableBufferPointer(rebasing: $0[min(first, $0.count)..<min(first + step, $0.count)])
            }
            waiting.append((piece, exchange))
        }
    }

    /// - Returns: whether something has moved.
    func advance() throws(MPIError) -> Bool {
        var hasMoved = false
        while underWay.count < Self.width, next < waiting.count {
            let (parts, exchange) = waiting[next]
            next += 1
            underWay.append(PieceExchange(parts, exchange, number: startedCount, received: memory(parts, exchange)))
            startedCount += 1
        }
        if next == waiting.count, next > 0 {
            waiting.removeAll(keepingCapacity: true)
            next = 0
        }
        for piece in underWay where try piece.advance(rank, world) { hasMoved = true }
        if hasMoved, underWay.contains(where: { $0.isDone }) {
            free += underWay.filter { $0.isDone }.map(\.received)
            underWay.removeAll { $0.isDone }
        }
        return hasMoved
    }

    private func memory(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) -> PartialSum {
        let needed = exchange.contains(.addUp) ? PieceExchange.receivedCount(parts, rank: rank) : 0
        if let known = free.lastIndex(where: { $0.numbers.count >= needed }) { return free.remove(at: known) }
        // A smaller one is of no use any more.
        _ = free.popLast()
        return PartialSum(count: needed)
    }

    /// Bytes of the host that pieces under way take at most.
    static var byteCount: Int { 4 * width * pieceCount }
}
