import Foundation
import Testing
import Tokenization

@testable import Datasets

@Suite struct ExampleFileTests {
    private func folder() throws -> String {
        let path = NSTemporaryDirectory() + "tala-examples-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func aSampleOfSeveralRunsWithClassesComesBackAsItWas() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pair = Sample(
            [
                TokenizedExample(ids: [5, 6, 7], isTrained: [false, true, true]), TokenizedExample(ids: [8, 9], isTrained: [false, true]),
            ], weight: 0.5, labels: [3, 1])
        let plain = Sample(ids: [1, 2], isTrained: [false, true])
        let unlabelled = Sample([TokenizedExample(ids: [4], isTrained: [false])], labels: [])
        let writer = try ExampleWriter(folder: folder)
        let weighted = Sample([
            TokenizedExample(ids: [5, 6, 7], isTrained: [false, true, true], weights: [0, 0.25, 3])
        ])
        for chunk in [[(pair, 7), (plain, 8)], [(unlabelled, 12), (weighted, 13)]] {
            var words: [UInt32] = []
            let records = chunk.map { ExampleRecord($0, line: $1, appendingTo: &words) }
            try writer.append(records, tokens: words)
        }
        try writer.finish()
        let data = Dataset(store: try ExampleStore(folder: folder))
        #expect((0..<4).map { data.sample($0) } == [pair, plain, unlabelled, weighted])
        #expect((0..<4).map { data.line(of: $0) } == [7, 8, 12, 13])
        #expect(data.sample(3).trainedWeight == 3.25 && data.hasTokenWeights)
        #expect(data.size(of: 0) == SampleSize(tokenCount: 5, trainedTokenCount: 3, runCount: 2))
        #expect(data.example(0) == pair.runs[0])
        #expect(data.tokenCount == 11)
    }

    /// A file of version 1 is records of 32 bytes and nothing else.
    @Test func aFileOfAnOlderVersionIsRefusedAndNotMisread() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(count: 40).write(to: URL(fileURLWithPath: folder + "/" + ExampleStore.tokensName))
        for count in [0, 32, 160] {
            try Data(count: count).write(to: URL(fileURLWithPath: folder + "/" + ExampleStore.examplesName))
            #expect(throws: (any Error).self, "\(count) bytes") { try ExampleStore(folder: folder) }
        }
    }

    /// What a damaged record says must lead nowhere outside the file.
    @Test func aRecordThatPointsOutsideTheFileGivesNoTokens() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(count: 12).write(to: URL(fileURLWithPath: folder + "/" + ExampleStore.tokensName))
        for (start, tokens, runs, labels) in [
            (UInt64(2), UInt32(2), UInt16(1), ExampleRecord.noLabels), (.max, 1, 1, ExampleRecord.noLabels), (0, 3, 2, 0), (0, .max, 9, 9),
        ] {
            let record = ExampleRecord(
                start: start, line: 1, hash: 0, tokenCount: tokens, trainedCount: 0, runCount: runs, labelCount: labels)
            var file = Data(ExampleFile.header)
            withUnsafeBytes(of: record) { file.append(contentsOf: $0) }
            try file.write(to: URL(fileURLWithPath: folder + "/" + ExampleStore.examplesName))
            let store = try ExampleStore(folder: folder)
            #expect(store.sample(0).size.tokenCount == 0)
        }
    }
}
