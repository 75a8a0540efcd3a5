import Datasets
import JSON
import Models
import Testing
import Tokenization
import Training

@Suite struct ObjectiveTests {
    @Test func measuresAddUpInAnyDivision() {
        func measures(_ parts: [(loss: Double, correct: Double, tokens: Double)]) -> Measures {
            parts.reduce(into: Measures()) { sum, part in
                var one = Measures()
                one.add(Measures.loss, total: part.loss, weight: part.tokens)
                one.add(Measures.accuracy, total: part.correct, weight: part.tokens)
                sum += one
            }
        }
        let whole = measures([(6, 3, 8)])
        #expect(whole == measures([(2, 1, 3), (4, 2, 5)]))
        #expect(whole.meanLoss == 0.75 && whole.accuracy == 0.375)
        #expect(Measures().meanLoss == 0)
        #expect(whole["no such measure"].weight == 0)
    }

    @Test func theRunsOfASampleDoNotSeeEachOther() {
        let pair = Sample([
            TokenizedExample(ids: [5, 6, 7], isTrained: [true, false, true]), TokenizedExample(ids: [8, 9], isTrained: [false, true]),
        ])
        let single = Sample(ids: [3, 4], isTrained: [false, true])
        let batch = PackedBatch(
            [single, pair], tokenCapacity: 8, trainedCapacity: 4, window: 2, rotary: RotaryRows(positionCount: 64))
        #expect(batch.tokens == [3, 4, 5, 6, 7, 8, 9, 0])
        #expect(batch.rotaryRows == [0, 1, 0, 1, 2, 0, 1, 0])
        #expect(batch.keyRanges == [0, 1, 0, 2, 2, 3, 2, 4, 2, 5, 5, 6, 5, 7, 0, 0])
        #expect(batch.queryRanges == [0, 2, 1, 2, 2, 5, 3, 5, 4, 5, 5, 7, 6, 7, 0, 0])
        #expect(batch.windowKeyRanges == [0, 1, 0, 2, 2, 3, 2, 4, 3, 5, 5, 6, 5, 7, 0, 0])
        // The first token of a run is predicted from nothing, marked or not.
        #expect(batch.trainedRows == [0, 3, 5, -1])
        #expect(batch.rowInputs.map(\.name) == [ProgramInput.targets])
        #expect(batch.rowInputs.first?.numbers == [4, 7, 9, -1])
        #expect(batch.lossRowCount == 3 && batch.trainedCount == 3 && batch.weight == 3 && batch.tokenCount == 7)
    }

    @Test(arguments: Objectives.all.map(\.name)) func anObjectiveListsAsManyRowsAsItSays(name: String) throws {
        let objective = try Objectives.named(name)
        let sample = Sample(ids: [1, 2, 3, 4], isTrained: [false, false, true, true])
        let batch = PackedBatch(
            [sample, sample], for: objective, tokenCapacity: 64, trainedCapacity: 64, window: nil, rotary: RotaryRows(positionCount: 64))
        #expect(batch.lossRowCount == 2 * objective.lossRowCount(of: sample.size))
        #expect(batch.weight == 2 * objective.weight(of: sample))
        #expect(batch.rowInputs.map(\.name) == objective.rowInputs)
    }

    @Test func aReportSaysLossPerplexityAndAccuracy() {
        var measures = Measures()
        measures.add(Measures.loss, total: 4, weight: 8)
        measures.add(Measures.accuracy, total: 6, weight: 8)
        let report = SupervisedObjective().report(measures)
        #expect(report["loss"]?.double == 0.5)
        #expect(abs((report["perplexity"]?.double ?? 0) - 1.648_721_270_700_128) < 1e-15)
        #expect(report["token_accuracy"]?.double == 0.75)
        #expect(report["tokens"]?.integer == 8 && report["correct_tokens"]?.integer == 6)
    }

    @Test func aWordThatNamesNoObjectiveIsAnError() {
        #expect(throws: TrainingError.self) { try Objectives.named("no such objective") }
        #expect(Set(Objectives.all.map(\.name)).count == Objectives.all.count)
    }
}
