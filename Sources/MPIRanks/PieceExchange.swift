import CMPI
import Ranks

/// One piece of what ranks exchange, under way.
///
/// Every rank sends the others their parts and gets theirs of its own, adds these in the tree, and
/// sends the sum back: both directions at once, each message as soon as what it needs is there.
/// Numbers are sent from where they lie, and received there but for parts of a sum.
final class PieceExchange {
    /// One a rank.
    let parts: [UnsafeMutableBufferPointer<Float>]
    private let exchange: RankExchange
    private let number: Int32
    /// The other ranks' numbers of this one's part, one rank behind the other.
    let received: PartialSum
    private let requests: UnsafeMutablePointer<MPI_Request?>
    private var requestCount = 0
    private var stage = Stage.begun

    private enum Stage { case begun, addingUp, spreading, done }

    /// - Parameter number: tells pieces that are under way apart.
    init(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange, number: Int, received: PartialSum) {
        (self.parts, self.exchange, self.received) = (parts, exchange, received)
        self.number = Tag.pieces + 2 * Int32(number % Tag.pieceCount)
        requests = .allocate(capacity: 2 * parts.count)
        requests.initialize(repeating: nil, count: 2 * parts.count)
    }

    deinit { requests.deallocate() }

    /// Numbers of the others that a rank receives to add them up.
    static func receivedCount(_ parts: [UnsafeMutableBufferPointer<Float>], rank: Int) -> Int {
        (parts.count - 1) * parts[rank].count
    }

    /// Goes on as far as what has come allows.
    /// - Returns: whether something has moved.
    func advance(_ rank: Int, _ world: MPI_Comm) throws(MPIError) -> Bool {
        if stage == .begun {
            try begin(rank, world)
            return true
        }
        guard stage != .done, try haveCome() else { return false }
        if stage == .addingUp {
            addUp(rank)
            if exchange.contains(.spread) {
                try spread(rank, world)
                return true
            }
        }
        stage = .done
        if exchange.contains(.clear) { for other in parts.indices where other != rank { parts[other].update(repeating: 0) } }
        return true
    }

    var isDone: Bool { stage == .done }

    private func begin(_ rank: Int, _ world: MPI_Comm) throws(MPIError) {
        guard exchange.contains(.addUp) else { return try spread(rank, world) }
        stage = .addingUp
        for other in parts.indices where other != rank {
            try receive(parted(other, rank), from: other, number, world)
            try send(parts[other], to: other, number, world)
        }
    }

    /// Where another rank's numbers of this one's part come.
    private func parted(_ other: Int, _ rank: Int) -> UnsafeMutableBufferPointer<Float> {
        let count = parts[rank].count
        let start = (other < rank ? other : other - 1) * count
        return UnsafeMutableBufferPointer(rebasing: received.numbers[start..<start + count])
    }

    private func addUp(_ rank: Int) {
        let own = parts[rank]
        // Which of two numbers is added to the other makes no difference.
        if parts.count == 2 { return PartialSum.add(parted(1 - rank, rank), to: own) }
        let all = parts.indices.map { $0 == rank ? own : parted($0, rank) }
        PartialSum.addUp(all)
        if rank != 0 { _ = own.update(fromContentsOf: all[0]) }
    }

    private func spread(_ rank: Int, _ world: MPI_Comm) throws(MPIError) {
        stage = .spreading
        requestCount = 0
        for other in parts.indices where other != rank {
            try receive(parts[other], from: other, number + 1, world)
            try send(parts[rank], to: other, number + 1, world)
        }
    }

    private func send(_ numbers: UnsafeMutableBufferPointer<Float>, to rank: Int, _ tag: Int32, _ world: MPI_Comm) throws(MPIError) {
        guard numbers.count > 0 else { return }
        let code = MPI_Isend(
            numbers.baseAddress, Int32(numbers.count), tala_mpi_float(), Int32(rank), tag, world, &requests[requestCount])
        try check("MPI_Isend", code)
        requestCount += 1
    }

    private func receive(_ numbers: UnsafeMutableBufferPointer<Float>, from rank: Int, _ tag: Int32, _ world: MPI_Comm) throws(MPIError) {
        guard numbers.count > 0 else { return }
        let code = MPI_Irecv(
            numbers.baseAddress, Int32(numbers.count), tala_mpi_float(), Int32(rank), tag, world, &requests[requestCount])
        try check("MPI_Irecv", code)
        requestCount += 1
    }

    private func haveCome() throws(MPIError) -> Bool {
        var flag: Int32 = 0
        try check("MPI_Testall", MPI_Testall(Int32(requestCount), requests, &flag, tala_mpi_ignore_statuses()))
        return flag != 0
    }
}
