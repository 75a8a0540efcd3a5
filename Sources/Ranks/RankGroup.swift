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
    /// Makes the sum of all ranks' numbers everybody's, added in the tree of ``Lanes``.
    func sum(_ numbers: UnsafeMutableBufferPointer<Float>) throws

    /// Tells the others to cancel what they compute; rank 0's, once before a ``gather(_:)``.
    func tellToCancel() throws
    /// Whether rank 0 has told so since the last ``gather(_:)``.
    var isToldToCancel: Bool { get }
}

extension RankGroup {
    package var isAlone: Bool { count == 1 }
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
    package func sum(_ numbers: UnsafeMutableBufferPointer<Float>) {}
    package func tellToCancel() {}
}
