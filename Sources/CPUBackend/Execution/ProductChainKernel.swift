import Graph

/// Products that add up to one matrix, all with the tiles of the one that has the most to do.
final class ProductChainKernel: Kernel {
    private let products: [MatrixProductKernel]

    /// - Parameter products: fresh kernels of one result, in the order in which they add to it.
    init(_ products: [MatrixProductKernel], library: ProductLibrary) {
        self.products = products
        super.init()
        guard let largest = products.max(by: { $0.inner < $1.inner }) else { return }
        for product in products {
            product.tiles = largest.tiles
            product.prepare(library)
        }
    }

    override func blockCount(_ phase: Int) -> Int { products.first?.blockCount(phase) ?? 0 }
    override var scratchByteCount: Int { products.reduce(0) { max($0, $1.scratchByteCount) } }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for product in products { product.run(phase, block, workspace) }
    }
}
