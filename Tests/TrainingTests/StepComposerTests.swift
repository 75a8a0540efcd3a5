import Basics
import Testing
import Training

@Suite struct StepComposerTests {
    @Test func longerExamplesComeFirstAndShorterOnesFillTheRoom() {
        let composer = StepComposer(tokenLimit: 10)
        #expect(composer.microBatches(lengths: [3, 9, 7, 1]) == [[0, 2], [1, 3]])
        #expect(composer.microBatches(lengths: [10, 10]) == [[0], [1]])
        #expect(composer.microBatches(lengths: []) == [])
    }

    @Test func equalLengthsKeepTheOrderOfTheBatch() {
        #expect(StepComposer(tokenLimit: 8).microBatches(lengths: [4, 4, 4, 4, 4]) == [[0, 1], [2, 3], [4]])
    }

    @Test func everyExampleIsInOneMicroBatchThatHasRoomForIt() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<200 {
            let limit = Int.random(in: 1...300, using: &random)
            let lengths = (0..<Int.random(in: 0...40, using: &random)).map { _ in Int.random(in: 1...limit, using: &random) }
            let batches = StepComposer(tokenLimit: limit).microBatches(lengths: lengths)
            #expect(batches.flatMap { $0 }.sorted() == Array(lengths.indices))
            #expect(batches.allSatisfy { $0.reduce(0) { $0 + lengths[$1] } <= limit })
            #expect(batches.allSatisfy { $0 == $0.sorted() })
            #expect(batches.compactMap(\.first) == batches.compactMap(\.first).sorted())
            // First-fit decreasing leaves no two micro-batches that would fit into one another's
            // room when it is at least half empty.
            let fills = batches.map { $0.reduce(0) { $0 + lengths[$1] } }
            #expect(fills.count { $0 * 2 <= limit } <= 1)
        }
    }
}
