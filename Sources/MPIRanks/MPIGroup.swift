import CLinux
import CMPI
import Glibc
package import Ranks

/// The processes of an MPI program as a group: one launcher, one rank each.
///
/// Sums are not MPI's own, whose order follows sizes, paths and releases. Each rank gets a slice of
/// everybody's numbers, adds it in the fixed tree, and all get all slices: as fast, and the same
/// bytes everywhere. Slices are sent (``PieceExchange``), or read and written where they lie if all
/// ranks are on one host (``PlacedExchange``). A rank that waits sleeps instead of polling, so
/// ranks may share a core.
package final class MPIGroup: RankGroup {
    package let rank: Int
    package let count: Int
    /// The place among the ranks of this host, and how many these are.
    package let localRank: Int
    package let localCount: Int
    private let world: MPI_Comm
    private let pieces: PieceQueue
    /// What all ranks reach, where all are on one host.
    private var memory: HostMemory?
    private var placed: [PlacedExchange] = []
    private var lastAdvance = 0.0
    private var hasToldToCancel = false
    /// Asked about once a second while this rank waits for another; true ends the group.
    package var mustEnd: () -> Bool = { false }

    /// Connects to the others. All connections are made here: none can be made once the process has
    /// confined itself.
    /// - Throws: ``MPIError``.
    package init() throws {
        var provided: Int32 = 0
        try check("MPI_Init", MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided))
        world = tala_mpi_world()
        try check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(world, tala_mpi_errors_return()))
        var (rank, count, localRank, localCount) = (Int32(0), Int32(1), Int32(0), Int32(1))
        try check("MPI_Comm_rank", MPI_Comm_rank(world, &rank))
        try check("MPI_Comm_size", MPI_Comm_size(world, &count))
        var host: MPI_Comm?
        try check(
            "MPI_Comm_split_type", MPI_Comm_split_type(world, Int32(MPI_COMM_TYPE_SHARED), rank, tala_mpi_no_info(), &host))
        try check("MPI_Comm_rank", MPI_Comm_rank(host, &localRank))
        try check("MPI_Comm_size", MPI_Comm_size(host, &localCount))
        (self.rank, self.count, self.localRank, self.localCount) = (Int(rank), Int(count), Int(localRank), Int(localCount))
        pieces = PieceQueue(rank: Int(rank), count: Int(count), world)
        try check("MPI_Barrier", MPI_Barrier(world))
        if count > 1, localCount == count { memory = try HostMemory.opened(rank: self.rank) { try gather($0) } }
    }

    // MARK: Announcements

    package func announce(_ message: [UInt8]) throws {
        guard rank == 0 else { return }
        for other in 1..<max(1, count) {
            try check("MPI_Send", MPI_Send(message, Int32(message.count), tala_mpi_byte(), Int32(other), Tag.announcement, world))
        }
    }

    package func nextAnnouncement() throws -> [UInt8] {
        var status = MPI_Status()
        try waitUntil { try isThere(Tag.announcement, &status) }
        var byteCount: Int32 = 0
        try check("MPI_Get_count", MPI_Get_count(&status, tala_mpi_byte(), &byteCount))
        var message = [UInt8](repeating: 0, count: Int(max(0, byteCount)))
        try check("MPI_Recv", MPI_Recv(&message, byteCount, tala_mpi_byte(), 0, Tag.announcement, world, tala_mpi_ignore_status()))
        return message
    }

    private func isThere(_ tag: Int32, _ status: UnsafeMutablePointer<MPI_Status>?) throws(MPIError) -> Bool {
        var flag: Int32 = 0
        try check("MPI_Iprobe", MPI_Iprobe(0, tag, world, &flag, status))
        return flag != 0
    }

    package func tellToCancel() throws {
        guard rank == 0, !hasToldToCancel else { return }
        hasToldToCancel = true
        for other in 1..<max(1, count) {
            try check("MPI_Send", MPI_Send(nil, 0, tala_mpi_byte(), Int32(other), Tag.cancellation, world))
        }
    }

    package var isToldToCancel: Bool { rank != 0 && (try? isThere(Tag.cancellation, tala_mpi_ignore_status())) == true }

    // MARK: Exchange

    package func gather(_ mine: [UInt8]) throws -> [[UInt8]] {
        try meet()
        var own = [Int64(mine.count), hasToldToCancel ? 1 : 0]
        var all = [Int64](repeating: 0, count: 2 * count)
        try check("MPI_Allgather", MPI_Allgather(&own, 2, tala_mpi_int64(), &all, 2, tala_mpi_int64(), world))
        if rank != 0, all[1] != 0 {
            try check("MPI_Recv", MPI_Recv(nil, 0, tala_mpi_byte(), 0, Tag.cancellation, world, tala_mpi_ignore_status()))
        }
        hasToldToCancel = false
        let counts = (0..<count).map { Int32(clamping: all[2 * $0]) }
        var starts: [Int32] = []
        var total: Int32 = 0
        for count in counts {
            starts.append(total)
            total += count
        }
        var bytes = [UInt8](repeating: 0, count: Int(total))
        try check(
            "MPI_Allgatherv", MPI_Allgatherv(mine, counts[rank], tala_mpi_byte(), &bytes, counts, starts, tala_mpi_byte(), world))
        return zip(starts, counts).map { Array(bytes[Int($0)..<Int($0) + Int($1)]) }
    }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
        try meet()
        for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
            let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + 1 << 30)])
            try check("MPI_Bcast", MPI_Bcast(piece.baseAddress, Int32(piece.count), tala_mpi_byte(), 0, world))
        }
    }

    package func share(_ places: [UnsafeMutableBufferPointer<Float>]) throws { try memory?.share(places) { try gather($0) } }

    package func start(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) throws {
        if count == 1 { return }
        if let memory, parts.count == count, let place = PlacedExchange(parts, exchange, in: memory) {
            placed.append(place)
            return
        }
        pieces.add(parts, exchange)
        _ = try pieces.advance()
    }

    /// Seconds between two looks at what has come: the network has work for longer.
    private static let secondsBetweenLooks = 2e-4

    package func advance() throws {
        if pieces.isEmpty { return }
        let now = Self.now()
        guard now - lastAdvance > Self.secondsBetweenLooks else { return }
        _ = try pieces.advance()
        lastAdvance = now
    }

    package func finish() throws {
        try waitUntil { pieces.isEmpty }
        guard !placed.isEmpty else { return }
        defer { placed.removeAll(keepingCapacity: true) }
        try meet()
        tala_memory_fence()
        for exchange in placed { exchange.carryOut(rank) }
        tala_memory_fence()
        try meet()
    }

    /// Shared memory is written and read by the processors that compute: there is nothing to wait
    /// for meanwhile.
    package var movesBeside: Bool { localCount < count }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    package func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) throws {
        guard source != target, rank == source || rank == target else { return }
        for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
            let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + 1 << 30)])
            var request: MPI_Request?
            if rank == source {
                try check(
                    "MPI_Isend",
                    MPI_Isend(piece.baseAddress, Int32(piece.count), tala_mpi_byte(), Int32(target), Tag.bytes, world, &request))
            } else {
                try check(
                    "MPI_Irecv",
                    MPI_Irecv(piece.baseAddress, Int32(piece.count), tala_mpi_byte(), Int32(source), Tag.bytes, world, &request))
            }
            try wait(for: &request)
        }
    }

    // MARK: Waiting

    /// Waits until all ranks have come here.
    private func meet() throws { _ = try meet(seconds: .infinity) }

    /// - Returns: whether all came within so many seconds.
    private func meet(seconds: Double) throws -> Bool {
        guard count > 1 else { return true }
        var request: MPI_Request?
        try check("MPI_Ibarrier", MPI_Ibarrier(world, &request))
        return try wait(for: &request, seconds: seconds)
    }

    /// - Returns: whether what was asked for was done within so many seconds.
    @discardableResult
    private func wait(for request: inout MPI_Request?, seconds: Double = .infinity) throws -> Bool {
        try waitUntil(seconds: seconds) {
            var flag: Int32 = 0
            try check("MPI_Test", MPI_Test(&request, &flag, tala_mpi_ignore_status()))
            return flag != 0
        }
    }

    /// Asks again and again, first at once, then a few thousand times a second. What has been begun
    /// goes on meanwhile.
    @discardableResult
    private func waitUntil(seconds: Double = .infinity, _ isSo: () throws -> Bool) throws -> Bool {
        var asked = 0
        var waited = 0.0
        while try !isSo() {
            if !pieces.isEmpty, try pieces.advance() {
                asked = 0
                continue
            }
            asked += 1
            if asked < 200 {
                sched_yield()
                continue
            }
            let pause: UInt32 = asked < 5_000 ? 100 : 1_000
            usleep(pause)
            waited += Double(pause) * 1e-6
            // 143: as if all had been told to end.
            if asked % 1_000 == 0, mustEnd() { tearDown(128 + SIGTERM) }
            if waited > seconds { return false }
        }
        return true
    }

    // MARK: The end

    /// Leaves the group together with all others. Where they do not come within some seconds, the
    /// group is torn down: the launcher ends what is left, with this exit code.
    package func leave(_ exitCode: Int32) {
        guard (try? meet(seconds: 10)) == true else { tearDown(exitCode) }
        // A launcher that does not answer is not waited for: SIGALRM ends the process.
        alarm(60)
        MPI_Finalize()
        alarm(0)
    }

    /// Ends all ranks at once; the launcher's exit code is this one.
    package func tearDown(_ exitCode: Int32) -> Never {
        MPI_Abort(world, exitCode)
        _exit(exitCode)
    }
}

/// What tells messages between two ranks apart.
enum Tag {
    static let announcement: Int32 = 1
    static let cancellation: Int32 = 2
    static let bytes: Int32 = 3
    /// Two for each piece of numbers from here on, and again from here after so many.
    static let pieces: Int32 = 16
    static let pieceCount = 4_096
}

/// - Throws: ``MPIError`` with MPI's own words.
func check(_ call: String, _ code: Int32) throws(MPIError) {
    guard code != MPI_SUCCESS else { return }
    var text = [CChar](repeating: 0, count: 1_024)
    var length: Int32 = 0
    let isKnown = MPI_Error_string(code, &text, &length) == MPI_SUCCESS
    let words = text.prefix(Int(max(0, length))).map { UInt8(bitPattern: $0) }
    throw MPIError(call: call, reason: isKnown ? String(decoding: words, as: UTF8.self) : "error \(code)")
}
