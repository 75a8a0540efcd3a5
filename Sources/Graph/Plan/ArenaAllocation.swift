/// Packs pieces of memory with known lifetimes into blocks.
///
/// Largest first, each at the lowest offset where it meets no piece that lives at the same time:
/// the greedy-by-size strategy of Pisarchyk and Lee 2020 (arXiv:2001.03288), which comes within a
/// few per cent of the lower bound on networks of layers.
struct ArenaAllocation {
    struct Place: Hashable {
        var block = 0
        var byteOffset = 0
    }
    private struct Request {
        var byteCount: Int
        var first: Int
        var last: Int
    }
    let limits: MemoryLimits
    private var requests: [Request] = []
    /// By request number, after ``allocate()``.
    private(set) var places: [Place] = []
    /// Bytes of each block, after ``allocate()``.
    private(set) var blocks: [Int] = []

    init(limits: MemoryLimits) { self.limits = limits }

    /// Asks for memory that is used by the nodes `first...last`; returns the request's number.
    mutating func request(byteCount: Int, first: Int, last: Int) -> Int {
        requests.append(Request(byteCount: RowSplit.aligned(max(1, byteCount), limits.alignment), first: first, last: last))
        return requests.count - 1
    }

    mutating func allocate() {
        places = Array(repeating: Place(), count: requests.count)
        let order = requests.indices.sorted { left, right in
            (requests[right].byteCount, requests[left].first, left) < (requests[left].byteCount, requests[right].first, right)
        }
        // Placed requests of each block, in ascending order of offset.
        var placed: [[Int]] = []
        for index in order {
            let request = requests[index]
            var found = false
            for block in placed.indices where !found {
                guard let (position, offset) = gap(for: request, in: placed[block]), offset + request.byteCount <= limits.maximumBlockBytes
                else { continue }
                places[index] = Place(block: block, byteOffset: offset)
                placed[block].insert(index, at: position)
                blocks[block] = max(blocks[block], offset + request.byteCount)
                found = true
            }
            if !found {
                places[index] = Place(block: placed.count, byteOffset: 0)
                placed.append([index])
                blocks.append(request.byteCount)
            }
        }
    }

    /// The lowest offset at which the request fits between those it lives with, and where it then
    /// stands in the list.
    private func gap(for request: Request, in placed: [Int]) -> (position: Int, offset: Int)? {
        var offset = 0
        for other in placed {
            let neighbour = requests[other]
            guard neighbour.first <= request.last, request.first <= neighbour.last else { continue }
            let start = places[other].byteOffset
            if start >= offset + request.byteCount { break }
            offset = max(offset, start + neighbour.byteCount)
        }
        let position = placed.firstIndex { places[$0].byteOffset > offset } ?? placed.count
        return (position, offset)
    }
}
