import Datasets
import Foundation
import JSON
import TestSupport
import Testing
import Tokenization

@Suite struct MalformedDatasetTests {
    @Test(arguments: ReferenceItem.all("malformed/jsonl")) func everyFileIsJudgedAsExpected(item: ReferenceItem) throws {
        let expected = try item.json("expect.json")
        let encoder = try ChatEncoder(folder: ReferenceSet.own.chatModel)
        let reader = DatasetReader(
            encoder: encoder, options: DatasetOptions(maximumLength: 1 << 20), modelFolder: ReferenceSet.own.chatModel)
        let report = try reader.read(item.path("data.jsonl")).report
        #expect(
            report.isValid == (expected["verdict"]?.string == "accept"),
            "\(item): \(report.problems.first.first?.description ?? "accepted")")
        if let line = expected["line"]?.integer { #expect(report.problems.first.first?.line == line, "\(item)") }
        if let field = expected["field"]?.string { #expect(report.problems.first.first?.field == field, "\(item)") }
    }
}

@Suite struct ExampleOrderTests {
    @Test(arguments: [1, 2, 7, 64, 65, 1000]) func anEpochShowsEveryExampleOnce(count: Int) {
        for epoch in 0..<3 {
            let order = ExampleOrder(count: count, seed: 7, epoch: epoch, isShuffled: true)
            #expect(Set((0..<count).map { order.example(at: $0) }) == Set(0..<count))
        }
    }

    @Test func epochsDifferAndSeedsRepeat() {
        let orders = [(1, 0), (1, 1), (2, 0)].map { seed, epoch in
            let order = ExampleOrder(count: 100, seed: UInt64(seed), epoch: epoch, isShuffled: true)
            return (0..<100).map { order.example(at: $0) }
        }
        #expect(orders[0] != orders[1] && orders[0] != orders[2])
        let again = ExampleOrder(count: 100, seed: 1, epoch: 0, isShuffled: true)
        #expect((0..<100).map { again.example(at: $0) } == orders[0])
    }

    /// One hundred seeds, each with sizes at which the draws often leave a side empty.
    @Test func aSplitOfTwoOrMoreLeavesAtLeastOneOnEachSide() {
        for seed in 0..<100 {
            for (count, fraction) in [(2, 0.1), (2, 0.9), (5, 0.1), (10, 0.1), (12, 0.05), (20, 0.1), (3, 0.9)] {
                let isHeldBack = ValidationSplit.heldBack(of: count, fraction: fraction, seed: UInt64(seed))
                let held = (0..<count).filter(isHeldBack)
                #expect((1..<count).contains(held.count), "seed \(seed), \(fraction) of \(count)")
                let again = ValidationSplit.heldBack(of: count, fraction: fraction, seed: UInt64(seed))
                #expect((0..<count).filter(again) == held)
                // Where the draws leave none empty, they decide.
                let drawn = (0..<count).filter { ValidationSplit.isHeldBack($0, fraction: fraction, seed: UInt64(seed)) }
                #expect(drawn.isEmpty || drawn.count == count || drawn == held)
            }
        }
    }

    @Test func linesAddedAtTheEndMoveNothingBetweenTrainingAndValidation() {
        let few = (0..<500).filter { ValidationSplit.isHeldBack($0, fraction: 0.1, seed: 3) }
        let more = (0..<900).filter { ValidationSplit.isHeldBack($0, fraction: 0.1, seed: 3) }
        #expect(more.filter { $0 < 500 } == few)
        #expect((30...70).contains(few.count))
    }
}
