package import Tokenization

/// Tokenised examples, read from a mapped file as they are asked for.
package struct Dataset: Sendable {
    let store: ExampleStore
    private let selection: Selection?
    /// Lengths in tokens and how many examples have them.
    package let lengths: LengthStatistics
    package let tokenCount: Int
    /// Tokens that the loss counts.
    package let trainedTokenCount: Int
    /// Whether there are examples in which some tokens count more than others.
    package let hasTokenWeights: Bool
    /// What a model said of the examples before training, where that is known.
    package var references: ReferenceTable?

    init(store: ExampleStore, selection: Selection? = nil) {
        self.store = store
        self.selection = selection
        var lengths = LengthStatistics()
        var (tokens, trained, isWeighted) = (0, 0, false)
        for place in 0..<(selection?.count ?? store.count) {
            let record = store.record(selection?.number(at: place) ?? place)
            lengths.add(Int(record.tokenCount))
            tokens += Int(record.tokenCount)
            trained += Int(record.trainedCount)
            isWeighted = isWeighted || record.hasWeights
        }
        self.lengths = lengths
        (tokenCount, trainedTokenCount, hasTokenWeights) = (tokens, trained, isWeighted)
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
    package func sample(_ index: Int) -> Sample {
        var sample = store.sample(selection?.number(at: index) ?? index)
        sample.references = references?.numbers(of: index)
        return sample
    }
    package func size(of index: Int) -> SampleSize { record(index).size }
    package var longestExample: Int { lengths.longest }
    /// Gives back the memory in which the examples that were read are mapped.
    package func evict() { store.evict() }

    /// How many examples have each class.
    /// - Parameter classCount: classes that there are.
    package func labelCounts(_ classCount: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: classCount)
        for index in 0..<count { for label in sample(index).labels ?? [] where label < classCount { counts[label] += 1 } }
        return counts
    }

    /// Tokens of the longest run, which may be one of several in its example.
    package func longestRun() -> Int {
        (0..<count).reduce(0) { longest, index in
            record(index).tokenCount <= longest ? longest : max(longest, sample(index).runs.map(\.ids.count).max() ?? 0)
        }
    }

    /// Divides the examples into those to train on and those held back (``ValidationSplit``).
    package func split(fraction: Double, seed: UInt64) -> (training: Dataset, validation: Dataset) {
        let drawn = ValidationSplit.heldBack(of: store.count, fraction: fraction, seed: seed)
        let kept = keptForTheirClasses(drawn)
        let isHeldBack: (Int) -> Bool = { drawn($0) && !kept.contains($0) }
        return (
            Dataset(store: store, selection: Selection(of: store.count) { !isHeldBack($0) }),
            Dataset(store: store, selection: Selection(of: store.count, where: isHeldBack))
        )
    }

    /// The first example of each class of which the draw would leave nothing to train on.
    private func keptForTheirClasses(_ isHeldBack: (Int) -> Bool) -> Set<Int> {
        guard store.count > 0, store.record(0).labelCount != ExampleRecord.noLabels else { return [] }
        var trained: Set<Int> = []
        var first: [Int: Int] = [:]
        for index in 0..<store.count {
            for label in store.sample(index).labels ?? [] {
                if !isHeldBack(index) { trained.insert(label) } else if first[label] == nil { first[label] = index }
            }
        }
        return Set(first.filter { !trained.contains($0.key) }.values)
    }
}
