package import Tokenization

/// Tokenised examples, read from a mapped file as they are asked for.
package struct Dataset: Sendable {
    private let store: ExampleStore
    private let selection: Selection?
    /// Lengths in tokens and how many examples have them.
    package let lengths: LengthStatistics
    package let tokenCount: Int
    /// Tokens that the loss counts.
    package let trainedTokenCount: Int

    init(store: ExampleStore, selection: Selection? = nil) {
        self.store = store
        self.selection = selection
        var lengths = LengthStatistics()
        var (tokens, trained) = (0, 0)
        for place in 0..<(selection?.count ?? store.count) {
            let record = store.record(selection?.number(at: place) ?? place)
            lengths.add(Int(record.tokenCount))
            tokens += Int(record.tokenCount)
            trained += Int(record.trainedCount)
        }
        self.lengths = lengths
        (tokenCount, trainedTokenCount) = (tokens, trained)
    }

    package var count: Int { selection?.count ?? store.count }

    func record(_ index: Int) -> ExampleRecord { store.record(selection?.number(at: index) ?? index) }
    func withTokens<Result>(_ record: ExampleRecord, _ body: (UnsafeBufferPointer<UInt32>) -> Result) -> Result {
        store.withTokens(record, body)
    }

    package func tokenCount(of index: Int) -> Int { Int(record(index).tokenCount) }
    package func trainedTokenCount(of index: Int) -> Int { Int(record(index).trainedCount) }
    /// The physical line of the file that an example came from.
    package func line(of index: Int) -> Int { Int(clamping: record(index).line) }
    /// The first run of an example.
    package func example(_ index: Int) -> TokenizedExample { sample(index).runs.first ?? TokenizedExample(ids: [], isTrained: []) }
    package func sample(_ index: Int) -> Sample { store.sample(selection?.number(at: index) ?? index) }
    package func size(of index: Int) -> SampleSize { record(index).size }
    package var longestExample: Int { lengths.longest }
    /// Gives back the memory in which the examples that were read are mapped.
    package func evict() { store.evict() }

    /// Divides the examples into those to train on and those held back (``ValidationSplit``).
    package func split(fraction: Double, seed: UInt64) -> (training: Dataset, validation: Dataset) {
        let isHeldBack = ValidationSplit.heldBack(of: store.count, fraction: fraction, seed: seed)
        return (
            Dataset(store: store, selection: Selection(of: store.count) { !isHeldBack($0) }),
            Dataset(store: store, selection: Selection(of: store.count, where: isHeldBack))
        )
    }
}
