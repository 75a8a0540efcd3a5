package import Graph

/// Which process keeps the optimizer's state of each page of trained tensors, and steps it.
///
/// Where several processes train a whole model, each has a part of the state (ZeRO's first stage,
/// Rajbhandari and others 2020, arXiv:1910.02054): it adds up the gradients of its own pages, steps
/// them, and sends the parameters to the others. A page is stepped by the kernels that step it
/// where one process has all, and the norm is made of the pages' sums in their order, so the bytes
/// are the same. Parameters and gradients are whole everywhere.
package struct PageShares: Sendable, Hashable {
    package let rank: Int
    package let count: Int
    /// Who has each page of the layout.
    package let owners: [Int]
    /// The pages of each process, by their places in the layout.
    package let pages: [[Int]]
    /// Keys of the pages of state that this process does not have.
    package let absentPages: Set<String>
    /// Bytes of parameters and state that each process steps.
    package let byteCounts: [Int]

    /// The largest page first, each to the process with the fewest bytes.
    /// - Parameter kinds: of the optimizer's state.
    package init(_ layout: TrainableLayout, _ kinds: [PersistentTensor.Kind], rank: Int, count: Int) {
        let count = max(1, count)
        func bytes(_ page: TrainableLayout.Page) -> Int {
            ([.parameter] + kinds).reduce(0) { $0 + (layout.tensor(of: page, $1)?.type.byteCount ?? 0) }
        }
        let sizes = layout.pages.map { bytes($0) }
        var owners = [Int](repeating: 0, count: sizes.count)
        var held = [Int](repeating: 0, count: count)
        for place in sizes.indices.sorted(by: { (sizes[$1], $0) < (sizes[$0], $1) }) {
            let owner = held.indices.reduce(0) { held[$1] < held[$0] ? $1 : $0 }
            owners[place] = owner
            held[owner] += sizes[place]
        }
        var absent: Set<String> = []
        for (place, page) in layout.pages.enumerated() where owners[place] != rank {
            for kind in kinds { if let tensor = layout.tensor(of: page, kind) { absent.insert(tensor.key) } }
        }
        (self.rank, self.count, self.owners, absentPages, byteCounts) = (rank, count, owners, absent, held)
        pages = (0..<count).map { owner in owners.indices.filter { owners[$0] == owner } }
    }

    /// Who has the page on which a trained tensor lies.
    func owner(of key: String, _ layout: TrainableLayout) -> Int? {
        layout.page(of: key).flatMap { owners.indices.contains($0) ? owners[$0] : nil }
    }

    /// This process's own pages.
    package var own: [Int] { pages.indices.contains(rank) ? pages[rank] : [] }
}
