import Graph
import Ranks

/// The gradients of a job of several lanes: taken from the device lane by lane, added up in the
/// tree, exchanged with the other processes and given back.
///
/// No kernel knows of lanes. Where the device's memory is not the host's, all of it goes through
/// the host, page by page of the trainable layout; else what goes to other processes is sent from
/// where it lies (``GradientStream``). The memory is one sum a level of the tree (``byteCount``).
/// Where each process steps its own pages it gets the sums of these alone (``PageExchange``).
final class LaneGradients {
    private let session: TrainingSession
    private let pages: [TrainablePages.Page]
    private let elementCount: Int
    private var tree = TreeOfSums<PartialSum>()
    /// Memory that no sum has at the moment.
    private var free: [PartialSum] = []
    private let zeros: [UInt8]
    private let group: any RankGroup
    private let exchange: PageExchange?
    /// Exchanges the last lane's gradients from where they lie; nil where they have to be copied.
    let stream: GradientStream?
    /// Whether the device keeps what it has collected until it is exchanged: there is nothing to
    /// add it to.
    private let staysOnDevice: Bool
    private var isShared = false

    /// - Parameter laneCount: of this process.
    init(_ session: TrainingSession, laneCount: Int, _ group: any RankGroup) {
        (self.session, self.group) = (session, group)
        let stream = GradientStream(session, group)
        self.stream = stream
        exchange = stream == nil ? session.programs.shares.map { PageExchange(session, $0) } : nil
        staysOnDevice = laneCount == 1 && (stream != nil || exchange != nil)
        pages = TrainablePages.of(session, [.gradient])
        elementCount = pages.reduce(0) { $0 + $1.byteCount / 4 }
        zeros = [UInt8](repeating: 0, count: staysOnDevice ? 0 : pages.map(\.byteCount).max() ?? 0)
    }

    /// Has what the processes exchange lie where all of one host reach it. Every process must come
    /// here before the first step.
    func share() throws {
        guard !isShared else { return }
        try stream?.share()
        isShared = true
    }

    /// Says that the gradients that the device collects next are this process's last lane's.
    func beginLastLane() { stream?.sums = tree.removeParts() }

    /// Takes what the device has collected for a lane, and sets it to zero there.
    /// - Parameter isLast: the device gets the sum next, and needs no zeros.
    func take(isLast: Bool) throws {
        if staysOnDevice || isLast && stream != nil { return }
        let sum = free.popLast() ?? PartialSum(count: elementCount)
        try eachPage(of: sum) { page, numbers in
            try session.persistent.read(page.place, into: UnsafeMutableRawBufferPointer(numbers))
            if isLast { return }
            try zeros.withUnsafeBytes {
                try session.persistent.write(UnsafeRawBufferPointer(rebasing: $0.prefix(page.byteCount)), to: page.place)
            }
        }
        tree.take(sum, add: join)
    }

    /// Gives the device the sum of all lanes of all processes; of the pages that it steps, where
    /// these are divided.
    func giveBack() throws {
        if let stream {
            free += try stream.finish()
            return
        }
        if let exchange {
            let sum = tree.finish(add: join)
            try exchange.addUp(sum, group)
            if let sum { free.append(sum) }
            return
        }
        guard let sum = tree.finish(add: join) else { return }
        try eachPage(of: sum) { _, numbers in try group.startSum(numbers) }
        try group.finish()
        try eachPage(of: sum) { page, numbers in try session.persistent.write(UnsafeRawBufferPointer(numbers), to: page.place) }
        free.append(sum)
    }

    /// Gives every process the parameters that each has stepped, where these are divided.
    func spreadParameters() throws {
        try stream?.spreadParameters()
        try exchange?.spread(group)
    }

    private func join(_ left: PartialSum, _ right: PartialSum) {
        left += right
        free.append(right)
    }

    private func eachPage(of sum: PartialSum, _ body: (TrainablePages.Page, UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
        try sum.withNumbers { numbers in
            var start = 0
            for page in pages {
                let count = page.byteCount / 4
                try body(page, UnsafeMutableBufferPointer(rebasing: numbers[start..<start + count]))
                start += count
            }
        }
    }

    /// What a communication library takes in a process, as measured with Open MPI.
    private static let groupBytes = 16 << 20

    /// Bytes of the host that each of some processes takes: a sum a level of the tree of its own
    /// lanes, and one that is being taken; what goes at one time, and the library by which it goes.
    /// - Parameter isDivided: whether each process steps its own pages; one that has a single lane
    ///   holds no sum then.
    static func byteCount(_ layout: TrainableLayout, _ lanes: Lanes, processes: Int = 1, isDivided: Bool = false) -> Int {
        if lanes.count == 1 { return 0 }
        let own = lanes.own(0, of: processes).count
        var levels = 1
        while 1 << (levels - 1) < own { levels += 1 }
        if isDivided, processes > 1, own == 1 { levels = 0 }
        let pages = layout.pageTensors([.gradient]).map(\.type.byteCount)
        let total = pages.reduce(0, +)
        if processes == 1 { return total * levels + (pages.max() ?? 0) }
        // Where pages are copied: a turn's numbers and as many zeros. What is under way.
        return total * levels + 4 * PageExchange.byteCount(total) + groupBytes
    }
}
