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
    /// Has numbers lie where the other processes reach them in place, if all are on one host: what
    /// is exchanged of them is not sent then. They keep their addresses and what they hold. Every
    /// rank gives as many places, of the same sizes, in the same order.
    /// - Parameter places: memory of this process's own. Nobody touches it meanwhile, nor what else
    ///   lies in its pages of the system.
    func share(_ places: [UnsafeMutableBufferPointer<Float>]) throws
    /// Begins what an exchange says about numbers, without waiting for the others. Numbers stay
    /// where they are, untouched, until ``finish()`` has returned. Every rank begins as many
    /// exchanges, of as many numbers, in the same order.
    /// - Parameter parts: one a rank, in their order; each as long on every rank.
    func start(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) throws
    /// Does what can be done at once of the exchanges that have begun. Asked often while the
    /// process computes: nothing moves without it.
    func advance() throws
    /// Waits until all exchanges that have begun are done.
    func finish() throws
    /// Whether exchanges go on while a process computes, if it asks for that now and then. Not
    /// where what is sent is copied by the processors that compute.
    var movesBeside: Bool { get }
    /// Makes one rank's bytes another's, which has as many; the others do nothing.
    func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) throws

    /// Tells the others to cancel what they compute; rank 0's, once before a ``gather(_:)``.
    func tellToCancel() throws
    /// Whether rank 0 has told so since the last ``gather(_:)``.
    var isToldToCancel: Bool { get }
}

extension RankGroup {
    package var isAlone: Bool { count == 1 }

    /// Makes of this rank's part the sum of all ranks' numbers there, added in the tree of
    /// ``Lanes``. The other parts are of no use afterwards.
    /// - Parameter parts: as of ``start(_:_:)``.
    package func addUp(_ parts: [UnsafeMutableBufferPointer<Float>]) throws {
        try start(parts, .addUp)
        try finish()
    }

    /// Makes every rank's own part everybody's.
    /// - Parameter parts: as of ``start(_:_:)``.
    package func spread(_ parts: [UnsafeMutableBufferPointer<Float>]) throws {
        try start(parts, .spread)
        try finish()
    }

    /// Begins to make the sum of all ranks' numbers everybody's, added in the tree of ``Lanes``:
    /// each rank adds up a slice of them.
    package func startSum(_ numbers: UnsafeMutableBufferPointer<Float>) throws {
        if isAlone { return }
        let slice = (numbers.count + count - 1) / count
        let slices = (0..<count).map { rank in
            let start = min(numbers.count, rank * slice)
            return UnsafeMutableBufferPointer(rebasing: numbers[start..<min(numbers.count, start + slice)])
        }
        try start(slices, .sum)
    }
}

/// What ranks do with numbers of which each has a part.
package struct RankExchange: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Each rank's own part becomes the sum of all ranks' numbers there, added in the tree of
    /// ``Lanes``; the other parts are of no use then.
    package static let addUp = RankExchange(rawValue: 1)
    /// Each rank's own part becomes everybody's.
    package static let spread = RankExchange(rawValue: 2)
    /// One after the other.
    package static let sum: RankExchange = [.addUp, .spread]
    /// The other ranks' parts become zeros; beside ``addUp`` alone.
    package static let clear = RankExchange(rawValue: 4)
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
    package func share(_ places: [UnsafeMutableBufferPointer<Float>]) {}
    package func start(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange) {}
    package func advance() {}
    package func finish() {}
    package let movesBeside = false
    package func move(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) {}
    package func tellToCancel() {}
}
