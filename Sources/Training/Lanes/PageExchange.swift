import Graph
import Ranks

/// What the processes exchange where each steps its own pages (``PageShares``): gradients to those
/// who step them, parameters to everybody.
///
/// Every turn takes a stretch of each process's pages, so that all send and receive at once, and no
/// process ever has a second copy of the gradients. All cut their pages alike.
final class PageExchange {
    /// Some rows of a page.
    private struct Stretch {
        var gradients: Placement
        var parameters: Placement
        /// Where its numbers stand in a sum of lanes, which has the pages in the layout's order.
        var numbers: Range<Int>
    }
    private let session: TrainingSession
    private let shares: PageShares
    /// Of each turn, of each process: what goes.
    private let turns: [[[Stretch]]]
    /// The numbers of a turn.
    private let memory: PartialSum
    private let zeros: [UInt8]

    /// Numbers of all processes that go in one turn.
    private static let turnCount = 4 << 20

    init(_ session: TrainingSession, _ shares: PageShares) {
        (self.session, self.shares) = (session, shares)
        let limit = max(1, Self.turnCount / shares.count)
        let gradients = TrainablePages.of(session, [.gradient])
        let parameters = TrainablePages.of(session, [.parameter])
        var starts = [0]
        for page in gradients { starts.append((starts.last ?? 0) + page.byteCount / 4) }
        let cut = shares.pages.map { own -> [[Stretch]] in
            Self.gathered(own.flatMap { Self.stretches(gradients[$0], parameters[$0], from: starts[$0], limit) }, limit)
        }
        turns = (0..<(cut.map(\.count).max() ?? 0)).map { turn in cut.map { turn < $0.count ? $0[turn] : [] } }
        let most = turns.map { Self.count($0.joined()) }.max() ?? 0
        memory = PartialSum(count: most)
        zeros = [UInt8](repeating: 0, count: turns.joined().joined().map { 4 * $0.numbers.count }.max() ?? 0)
    }

    private static func count(_ stretches: some Sequence<Stretch>) -> Int { stretches.reduce(0) { $0 + $1.numbers.count } }

    /// A page cut by rows.
    private static func stretches(
        _ gradients: TrainablePages.Page, _ parameters: TrainablePages.Page, from start: Int, _ limit: Int
    ) -> [Stretch] {
        var (found, next): ([Stretch], Int) = ([], start)
        for (gradient, parameter) in zip(gradients.place.pieces, parameters.place.pieces) {
            let rows = max(1, limit / max(1, gradient.columns))
            for first in stride(from: 0, to: gradient.rows, by: rows) {
                let range = first..<min(gradient.rows, first + rows)
                let count = range.count * gradient.columns
                found.append(
                    Stretch(
                        gradients: Placement([gradient.rows(range)]), parameters: Placement([parameter.rows(range)]),
                        numbers: next..<next + count))
                next += count
            }
        }
        return found
    }

    /// Stretches that go together.
    private static func gathered(_ stretches: [Stretch], _ limit: Int) -> [[Stretch]] {
        var (groups, count): ([[Stretch]], Int) = ([], 0)
        for stretch in stretches {
            if groups.isEmpty || count + stretch.numbers.count > limit {
                groups.append([])
                count = 0
            }
            groups[groups.count - 1].append(stretch)
            count += stretch.numbers.count
        }
        return groups
    }

    /// Gives each process's device the sum of the gradients of its own pages, and zeros for the
    /// rest.
    /// - Parameter sum: of this process's lanes; nil: the device has it.
    func addUp(_ sum: PartialSum?, _ group: any RankGroup) throws {
        for turn in turns {
            try eachPart(of: turn) { stretch, numbers, _ in
                if let sum {
                    sum.withNumbers { _ = numbers.update(fromContentsOf: $0[stretch.numbers]) }
                } else {
                    try session.persistent.read(stretch.gradients, into: UnsafeMutableRawBufferPointer(numbers))
                }
            }
            try memory.withNumbers { try group.addUp(parts(of: turn, in: $0)) }
            try eachPart(of: turn) { stretch, numbers, isOwn in
                if isOwn { return try session.persistent.write(UnsafeRawBufferPointer(numbers), to: stretch.gradients) }
                try zeros.withUnsafeBytes {
                    try session.persistent.write(UnsafeRawBufferPointer(rebasing: $0.prefix(4 * numbers.count)), to: stretch.gradients)
                }
            }
        }
    }

    /// Gives every process the parameters that each has stepped.
    func spread(_ group: any RankGroup) throws {
        for turn in turns {
            try eachPart(of: turn) { stretch, numbers, isOwn in
                if isOwn { try session.persistent.read(stretch.parameters, into: UnsafeMutableRawBufferPointer(numbers)) }
            }
            try memory.withNumbers { try group.spread(parts(of: turn, in: $0)) }
            try eachPart(of: turn) { stretch, numbers, isOwn in
                if !isOwn { try session.persistent.write(UnsafeRawBufferPointer(numbers), to: stretch.parameters) }
            }
        }
    }

    /// The numbers of each process.
    private func parts(of turn: [[Stretch]], in numbers: UnsafeMutableBufferPointer<Float>) -> [UnsafeMutableBufferPointer<Float>] {
        var start = 0
        return turn.map { stretches in
            let range = start..<start + Self.count(stretches)
            start = range.upperBound
            return UnsafeMutableBufferPointer(rebasing: numbers[range])
        }
    }

    /// - Parameter body: gets each stretch of a turn, its numbers, and whether this process steps
    ///   them.
    private func eachPart(
        of turn: [[Stretch]], _ body: (Stretch, UnsafeMutableBufferPointer<Float>, _ isOwn: Bool) throws -> Void
    ) throws {
        try memory.withNumbers { numbers in
            var start = 0
            for (owner, stretches) in turn.enumerated() {
                for stretch in stretches {
                    let range = start..<start + stretch.numbers.count
                    try body(stretch, UnsafeMutableBufferPointer(rebasing: numbers[range]), owner == shares.rank)
                    start = range.upperBound
                }
            }
        }
    }

    /// Bytes of the host that a turn takes.
    static func byteCount(_ gradientBytes: Int) -> Int { min(gradientBytes, 4 * turnCount) }
}
