/// The processes that train one job together. Each is a rank; rank 0 has the job, the others do
/// what it announces.
///
/// A group of one does nothing in all of this, so there is no second path for a process alone. All
/// calls but ``announce(_:)``, ``nextAnnouncement()`` and the two about cancelling are made by
/// every rank in the same order.
package protocol RankGroup: AnyObject {
    /// Counts from 0.
    var rank: Int { get }
    var count: Int { get }

    /// Tells all others what is done next; rank 0's.
    func announce(_ message: [UInt8]) throws
    /// What rank 0 announces next; the others'. Waits for it without using the processor.
    func nextAnnouncement() throws -> [UInt8]

    /// Every rank's bytes, in the order of ranks.
    func gather(_ mine: [UInt8]) throws -> [[UInt8]]
    /// Makes rank 0's bytes everybody's; all give as many.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws
    /// Makes of this rank's part the sum of all ranks' numbers there, added in the tree of
    /// ``Lanes``. The other parts are of no use afterwards.
    /// - Parameter parts: one a rank, in their order; each as long on every rank.
    func addUp(_ parts: [UnsafeMutableBufferPointer<Float>]) throws
    /// Makes every rank's own part everybody's.
    /// - Parameter parts: as of ``addUp(_:)``.
    func spread(_ parts: [UnsafeMutableBufferPointer<Float>]) throws
    /// Makes one rank's bytes another's, which has as many; the others do nothing.
    func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) throws

    /// Tells the others to cancel what they compute; rank 0's, once before a ``gather(_:)``.
    func tellToCancel() throws
    /// Whether rank 0 has told so since the last ``gather(_:)``.
    var isToldToCancel: Bool { get }
}

extension RankGroup {
    package var isAlone: Bool { count == 1 }

    /// Makes the sum of all ranks' numbers everybody's, added in the tree of ``Lanes``: each rank
    /// adds up a slice of them.
    package func sum(_ numbers: UnsafeMutableBufferPointer<Float>) throws {
        if isAlone { return }
        let slice = (numbers.count + count - 1) / count
        let slices = (0..<count).map { rank in
            let start = min(numbers.count, rank * slice)
            return UnsafeMutableBufferPointer(rebasing: numbers[start..<min(numbers.count, start + slice)])
        }
        try addUp(slices)
        try spread(slices)
    }
}

/// A process that has no others.
package final class SingleRank: RankGroup {
    package let rank = 0
    package let count = 1
    package let isToldToCancel = false

    package init() {}

    package func announce(_ message: [UInt8]) {}
    package func nextAnnouncement() -> [UInt8] { [] }
    package func gather(_ mine: [UInt8]) -> [[UInt8]] { [mine] }
    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {}
    package func addUp(_ parts: [UnsafeMutableBufferPointer<Float>]) {}
    package func spread(_ parts: [UnsafeMutableBufferPointer<Float>]) {}
    package func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) {}
    package func tellToCancel() {}
}
