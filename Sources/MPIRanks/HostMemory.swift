import CLinux
import Glibc
import Ranks

/// Numbers that every process of a group reads and writes where each of them has them. All are on
/// one host.
///
/// Each process keeps its own in a file in memory, which has no name: whatever ends the processes,
/// nothing is left of it. The others open it through its owner's entry in `/proc` before any of
/// them confines itself; how large it is to be is not known by then.
final class HostMemory {
    typealias Gather = ([UInt8]) throws -> [[UInt8]]

    private let rank: Int
    /// Each rank's, opened by this one.
    private let files: [Int32]
    /// Each rank's file as this one sees it, but for its own.
    private var views: [UnsafeMutableRawBufferPointer] = []
    /// How much of the own file has been given away.
    private var usedBytes = 0
    /// The own places that are shared now, by their addresses.
    private var places: [Place] = []

    private struct Place {
        var own: UnsafeMutableRawBufferPointer
        /// Where each rank has it.
        var addresses: [UnsafeMutableRawPointer]
    }

    private init(rank: Int, files: [Int32]) { (self.rank, self.files) = (rank, files) }

    deinit {
        forget()
        for file in files { close(file) }
    }

    /// Opens the files. All ranks of the host come here, before any of them is confined.
    /// - Returns: nil for all where one cannot open another's, or TALA_RANK_MEMORY is `off`.
    static func opened(rank: Int, _ gather: Gather) throws -> HostMemory? {
        let isWanted = getenv("TALA_RANK_MEMORY").map { String(cString: $0) } != "off"
        let own = isWanted ? tala_shared_memory_file("tala-ranks") : -1
        let all = try gather(bytes([Int(getpid()), Int(own)] + identity(of: own))).map { integers($0) }
        var files: [Int32] = []
        for (other, words) in all.enumerated() { files.append(other == rank ? own : open(words)) }
        let isComplete = !files.contains { $0 < 0 }
        guard try gather([isComplete ? 1 : 0]).allSatisfy({ $0 == [1] }) else {
            for file in files where file >= 0 { close(file) }
            return nil
        }
        return HostMemory(rank: rank, files: files)
    }

    private static func open(_ words: [Int]) -> Int32 {
        guard words.count == 4, words[1] >= 0 else { return -1 }
        let file = tala_open_memory_file("/proc/\(words[0])/fd/\(words[1])")
        // Where processes are numbered apart, it could be another's.
        if file >= 0, identity(of: file) == Array(words[2...]) { return file }
        if file >= 0 { close(file) }
        return -1
    }

    private static func identity(of file: Int32) -> [Int] {
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0 else { return [0, 0] }
        return [Int(truncatingIfNeeded: status.st_dev), Int(truncatingIfNeeded: status.st_ino)]
    }

    // MARK: Places

    /// Has numbers lie in the own file, at the addresses that they have, instead of those that were
    /// shared before. All ranks come here.
    /// - Parameter numbers: as many on all ranks, and as large; memory that is mapped for this
    ///   process alone, page by page.
    /// - Throws: ``MPIError`` where memory cannot be mapped that was there; what `gather` throws.
    ///   Where a rank cannot have more memory mapped nothing is shared.
    func share(_ numbers: [UnsafeMutableBufferPointer<Float>], _ gather: Gather) throws {
        forget()
        let own = numbers.map { UnsafeMutableRawBufferPointer($0) }
        var offsets = try move(own) ?? []
        let isMoved = offsets.count == own.count
        offsets = isMoved ? offsets : []
        let all = try gather(Self.bytes([isMoved ? usedBytes : -1] + own.map(\.count) + offsets)).map { Self.integers($0) }
        let isAlike = all.allSatisfy { words in
            words.count == 1 + 2 * own.count && words[0] >= 0 && words[1...].prefix(own.count).elementsEqual(own.map(\.count))
        }
        let isSeen = isAlike && see(byteCounts: all.map { $0[0] })
        guard try gather([isSeen ? 1 : 0]).allSatisfy({ $0 == [1] }) else { return forget() }
        places = own.indices.compactMap { number in
            guard let start = own[number].baseAddress, own[number].count > 0 else { return nil }
            let addresses = all.enumerated().compactMap { other, words in
                other == rank ? start : views[other].baseAddress.map { $0 + words[1 + own.count + number] }
            }
            return addresses.count == files.count ? Place(own: own[number], addresses: addresses) : nil
        }
        places.sort { Self.address($0.own) < Self.address($1.own) }
    }

    /// Where each rank has these numbers, in the order of ranks; nil if they are not shared.
    func everywhere(_ numbers: UnsafeMutableBufferPointer<Float>) -> [UnsafeMutableBufferPointer<Float>]? {
        if places.isEmpty { return nil }
        guard numbers.count > 0 else { return files.map { _ in numbers } }
        let wanted = UnsafeMutableRawBufferPointer(numbers)
        let start = Self.address(wanted)
        // The last place that does not begin behind it.
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if Self.address(places[middle].own) <= start { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let place = places[low - 1]
        let offset = Int(start - Self.address(place.own))
        guard offset + wanted.count <= place.own.count else { return nil }
        return place.addresses.map {
            UnsafeMutableBufferPointer(start: ($0 + offset).assumingMemoryBound(to: Float.self), count: numbers.count)
        }
    }

    private func forget() {
        places = []
        for view in views { if let start = view.baseAddress { munmap(start, view.count) } }
        views = []
    }

    private func see(byteCounts: [Int]) -> Bool {
        for (other, byteCount) in byteCounts.enumerated() {
            guard other != rank, byteCount > 0 else {
                views.append(UnsafeMutableRawBufferPointer(start: nil, count: 0))
                continue
            }
            guard let view = Self.map(files[other], byteCount) else { return false }
            views.append(view)
        }
        return true
    }

    /// Maps a file where huge pages of it can be.
    private static func map(_ file: Int32, _ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        let reserved = byteCount + Int(hugePage)
        guard let start = mmap(nil, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), start != MAP_FAILED else {
            return nil
        }
        let before = Int((0 &- UInt(bitPattern: start)) % hugePage)
        let view = mmap(start + before, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0)
        guard view == start + before else {
            munmap(start, reserved)
            return nil
        }
        // What was reserved in front and behind is of no use: only whole pages can be given back.
        if before > 0 { munmap(start, before) }
        let end = (before + byteCount + pageSize - 1) / pageSize * pageSize
        if end < reserved { munmap(start + end, reserved - end) }
        return UnsafeMutableRawBufferPointer(start: start + before, count: byteCount)
    }

    // MARK: Moving

    private static let pageSize = max(1, sysconf(Int32(_SC_PAGESIZE)))

    /// As huge pages begin.
    private static let hugePage: UInt = 2 << 20
    /// Bytes that are in both places at a time.
    private static let stepBytes: UInt = 4 << 20

    /// Moves memory into the own file, behind what was given away before, and maps it from there.
    /// - Returns: where each place begins in the file; nil where the system does not give as much
    ///   memory.
    private func move(_ own: [UnsafeMutableRawBufferPointer]) throws(MPIError) -> [Int]? {
        let pageSize = UInt(Self.pageSize)
        var segments: [Range<UInt>] = []
        for place in own.filter({ $0.count > 0 }).sorted(by: { Self.address($0) < Self.address($1) }) {
            let start = Self.address(place) / pageSize * pageSize
            let end = (Self.address(place) + UInt(place.count) + pageSize - 1) / pageSize * pageSize
            if let last = segments.last, last.upperBound >= start {
                segments[segments.count - 1] = last.lowerBound..<max(last.upperBound, end)
            } else {
                segments.append(start..<end)
            }
        }
        var next = UInt(usedBytes)
        var moved: [(segment: Range<UInt>, offset: UInt)] = []
        for segment in segments {
            next += (segment.lowerBound &- next) % Self.hugePage
            moved.append((segment, next))
            next += UInt(segment.count)
        }
        guard tala_set_memory_file_size(files[rank], off_t(next)) == 0 else { return nil }
        _ = tala_forbid_shrinking(files[rank])
        usedBytes = Int((next + pageSize - 1) / pageSize * pageSize)
        for (segment, offset) in moved where try !move(segment, to: offset) { return nil }
        let end = Self.seconds() + Self.collapseSeconds
        for (segment, _) in moved { collapse(segment, until: end) }
        return own.map { place in
            let start = Self.address(place)
            guard let holder = moved.first(where: { $0.segment.contains(start) }) else { return 0 }
            return Int(start - holder.segment.lowerBound + holder.offset)
        }
    }

    /// - Returns: false where there is no memory for it; what has been moved stays so.
    private func move(_ segment: Range<UInt>, to offset: UInt) throws(MPIError) -> Bool {
        for start in stride(from: segment.lowerBound, to: segment.upperBound, by: Int(Self.stepBytes)) {
            guard let address = UnsafeMutableRawPointer(bitPattern: start) else { return false }
            let byteCount = Int(min(Self.stepBytes, segment.upperBound - start))
            let place = off_t(offset + start - segment.lowerBound)
            var done = 0
            while done < byteCount {
                let count = pwrite(files[rank], address + done, byteCount - done, place + off_t(done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            let mapped = mmap(address, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, files[rank], place)
            // What lay there may be gone.
            guard mapped == address else { throw MPIError(call: "mmap", reason: String(cString: strerror(errno))) }
        }
        return true
    }

    /// Seconds for which huge pages are made at most: some 200 MB a second.
    private static let collapseSeconds = 60.0

    /// Makes huge pages of what has been moved, which the system does not do of its own accord with
    /// files: products walk rows that are far apart, and an update of a whole model took nearly
    /// twice as long without. It is a wish; kernels before 6.1 refuse it.
    private func collapse(_ segment: Range<UInt>, until end: Double) {
        let first = (segment.lowerBound + Self.hugePage - 1) / Self.hugePage * Self.hugePage
        for start in stride(from: first, to: segment.upperBound, by: Int(Self.hugePage)) {
            guard segment.upperBound - start >= Self.hugePage, Self.seconds() < end,
                let address = UnsafeMutableRawPointer(bitPattern: start)
            else { return }
            // MADV_COLLAPSE
            if madvise(address, Int(Self.hugePage), 25) != 0, errno == EINVAL { return }
        }
    }

    private static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func address(_ bytes: UnsafeMutableRawBufferPointer) -> UInt { UInt(bitPattern: bytes.baseAddress) }

    private static func bytes(_ integers: [Int]) -> [UInt8] { integers.withUnsafeBytes { Array($0) } }

    private static func integers(_ bytes: [UInt8]) -> [Int] {
        bytes.withUnsafeBytes { all in
            (0..<bytes.count / 8).map { all.loadUnaligned(fromByteOffset: 8 * $0, as: Int.self) }
        }
    }
}
