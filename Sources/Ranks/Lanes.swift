/// The lanes of a job: what one step is divided into, whatever processes carry it.
///
/// A job of N lanes divides the examples of each step among them, adds up each lane's gradients in
/// order, and adds the N sums in a fixed tree, ((0+1)+(2+3))+… . So its bytes follow from N, and
/// not from how many processes the lanes lie in. The idea of logical workers apart from devices is
/// EasyScale's (Li and others, SC'23).
package struct Lanes: Sendable, Hashable {
    package let count: Int

    package init(_ count: Int) { self.count = max(1, count) }

    /// The places of a step's examples in each lane: the longest first, each into the lane with the
    /// fewest tokens. Within a lane examples keep their order; a lane may be empty.
    /// - Parameter lengths: tokens of each example.
    package func divide(_ lengths: [Int]) -> [[Int]] {
        guard count > 1 else { return [Array(lengths.indices)] }
        var lanes = Array(repeating: (places: [Int](), tokens: 0), count: count)
        for place in lengths.indices.sorted(by: { (lengths[$1], $0) < (lengths[$0], $1) }) {
            let least = lanes.indices.reduce(0) { lanes[$1].tokens < lanes[$0].tokens ? $1 : $0 }
            lanes[least].places.append(place)
            lanes[least].tokens += lengths[place]
        }
        return lanes.map { $0.places.sorted() }
    }

    /// The numbers of processes that can carry the lanes, the largest first.
    ///
    /// The lanes of a process must be a whole branch of the tree of sums, so there are 1, 2, 4, …
    /// of them in each, or all in one.
    package var processCounts: [Int] {
        var counts = [count]
        while let last = counts.last, last > 1, last % 2 == 0 { counts.append(last / 2) }
        return counts.last == 1 ? counts : counts + [1]
    }

    /// The lanes of one process among so many: neighbours.
    package func own(_ process: Int, of processes: Int) -> Range<Int> {
        let each = count / max(1, processes)
        return process * each..<(process + 1) * each
    }

    /// Tokens of the fullest lane of a step, at most.
    /// - Parameters:
    ///   - batchTokens: tokens of the step.
    ///   - longest: tokens of its longest example.
    package func tokens(ofFullest batchTokens: Int, longest: Int) -> Int {
        count == 1 ? batchTokens : min(batchTokens, (batchTokens + count - 1) / count + longest)
    }
}
