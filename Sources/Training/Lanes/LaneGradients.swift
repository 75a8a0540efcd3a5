import Graph
import Ranks

/// The gradients of a job of several lanes: taken from the device lane by lane, added up in the
/// tree, exchanged with the other processes and given back.
///
/// All of it goes through the host, page by page of the trainable layout. So both backends do the
/// same, and no kernel knows of lanes. The memory is one sum a level of the tree (``byteCount``).
final class LaneGradients {
    private let session: TrainingSession
    private let pages: [TrainablePages.Page]
    private let elementCount: Int
    private var tree = TreeOfSums<PartialSum>()
    /// Memory that no sum has at the moment.
    private var free: [PartialSum] = []
    private let zeros: [UInt8]

    init(_ session: TrainingSession) {
        self.session = session
        pages = TrainablePages.of(session, [.gradient])
        elementCount = pages.reduce(0) { $0 + $1.byteCount / 4 }
        zeros = [UInt8](repeating: 0, count: pages.map(\.byteCount).max() ?? 0)
    }

    /// Takes what the device has collected for a lane, and sets it to zero there.
    /// - Parameter isLast: the device gets the sum next, and needs no zeros.
    func take(isLast: Bool) throws {
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

    /// Gives the device the sum of all lanes of all processes.
    func giveBack(_ group: any RankGroup) throws {
        guard let sum = tree.finish(add: join) else { return }
        try eachPage(of: sum) { page, numbers in
            try group.sum(numbers)
            try session.persistent.write(UnsafeRawBufferPointer(numbers), to: page.place)
        }
        free.append(sum)
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

    /// Bytes of the host that a process takes that carries all lanes: a sum a level of the tree,
    /// and one that is being taken. Those that carry a part of them take no more, with what they
    /// receive of a page and the library by which they send.
    static func byteCount(_ layout: TrainableLayout, _ lanes: Lanes) -> Int {
        if lanes.count == 1 { return 0 }
        var levels = 1
        while 1 << (levels - 1) < lanes.count { levels += 1 }
        let pages = layout.pageTensors([.gradient]).map(\.type.byteCount)
        return pages.reduce(0, +) * levels + (pages.max() ?? 0) + groupBytes
    }
}
