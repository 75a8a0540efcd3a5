package import Tensors

/// What a model keeps on the device to generate text for several sequences at a time: pages of keys
/// and values, and the adapters that rows may have.
package struct GenerationShape: Sendable, Hashable {
    /// Positions of a page.
    package static let pageRows = 32

    /// Pages of the cache, for all sequences together.
    package var pageCount: Int
    /// Sequences at a time, and the pages that each may have.
    package var sequenceCount: Int
    package var pagesPerSequence: Int
    /// How keys and values lie in the cache.
    package var cacheType: ElementType
    /// Adapters that rows may have; nil: the graph has none.
    package var adapters: Adapters?
    /// Whether logits come from a copy of the head in 8 bits: of a small model with quantised
    /// layers the head is most of what a step reads.
    package var quantizesHead = false

    /// The copy.
    package static let keyOfHead = "head/q8"

    /// Room for adapters: their matrices lie one below the other, each with the same rank.
    package struct Adapters: Sendable, Hashable {
        package var count: Int
        package var rank: Int
        /// The linear layers that any of them sits on.
        package var modules: Set<String>

        package init(count: Int, rank: Int, modules: Set<String>) {
            self.count = count
            self.rank = rank
            self.modules = modules
        }

        /// `[count * rank, inputs]` and `[count * outputs, rank]`; what a row's adapter does not
        /// have is zero.
        package static func keyOfA(_ module: String) -> String { "adapters/\(module)/A" }
        package static func keyOfB(_ module: String) -> String { "adapters/\(module)/B" }
    }

    package init(
        pageCount: Int, sequenceCount: Int, pagesPerSequence: Int, cacheType: ElementType = .float32, adapters: Adapters? = nil
    ) {
        self.pageCount = pageCount
        self.sequenceCount = sequenceCount
        self.pagesPerSequence = pagesPerSequence
        self.cacheType = cacheType
        self.adapters = adapters
    }
}
