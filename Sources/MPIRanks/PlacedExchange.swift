import Ranks

/// One piece of what ranks exchange where it lies: each rank makes the sum of its own part, and
/// writes it wherever it is to be. All have their numbers ready when it begins, and none touches
/// them before all are done.
struct PlacedExchange {
    /// Of each part, where each rank has it.
    private let parts: [[UnsafeMutableBufferPointer<Float>]]
    private let exchange: RankExchange

    /// - Returns: nil if the numbers are not shared.
    init?(_ parts: [UnsafeMutableBufferPointer<Float>], _ exchange: RankExchange, in memory: HostMemory) {
        let places = parts.compactMap { memory.everywhere($0) }
        guard places.count == parts.count else { return nil }
        (self.parts, self.exchange) = (places, exchange)
    }

    func carryOut(_ rank: Int) {
        guard exchange.contains(.addUp) else { return takeOver(rank) }
        for first in stride(from: 0, to: parts[rank][rank].count, by: Self.stepCount) {
            addUp(rank, parts[rank].map { UnsafeMutableBufferPointer(rebasing: $0[first..<min(first + Self.stepCount, $0.count)]) })
        }
    }

    /// Numbers of a rank that are added up at a time: they stay in the nearest cache between being
    /// read and being written.
    private static let stepCount = 2_048

    private func addUp(_ rank: Int, _ all: [UnsafeMutableBufferPointer<Float>]) {
        PartialSum.addUp(all)
        for (other, numbers) in all.enumerated() {
            if other == rank || exchange.contains(.spread) {
                if other != 0 { _ = numbers.update(fromContentsOf: all[0]) }
            } else if other != 0, exchange.contains(.clear) {
                numbers.update(repeating: 0)
            }
        }
        // The first has the sum until all others have got it.
        if rank != 0, exchange.contains(.clear), !exchange.contains(.spread) { all[0].update(repeating: 0) }
    }

    private func takeOver(_ rank: Int) {
        for (owner, part) in parts.enumerated() where owner != rank { _ = part[rank].update(fromContentsOf: part[owner]) }
    }
}
