import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing
import Tokenization
import Worker

/// What a job leaves so that a server can tell whether it computes there what it did here.
@Suite(.serialized) struct ReplayRecordTests {
    @Test func aJobLeavesTheLossesOfItsFirstExamplesAndTheTokensOfTheirConversations() throws {
        let job = try ReferenceJob(lora: true, steps: 2)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        let record = try JSONParser().parse(DurableFiles.read(job.folder.replayFile))
        let examples = try #require(record["examples"]?.array)
        #expect(examples.count == 8 && record["precision"]?.string == "float32")
        var (sum, count) = (0.0, 0)
        let encoder = try ChatEncoder(folder: ReferenceSet.own.trajectoryModel)
        let lines = try DurableFiles.read(ReferenceSet.own.chatModel + "/validation.jsonl").split(separator: 10)
        for (example, line) in zip(examples, lines) {
            let trained = try #require(example["trained"]?.array?.map { $0.integer ?? 2 })
            #expect(trained.count == example["ids"]?.array?.count && Set(trained) == [0, 1])
            sum += try #require(example["loss"]?.double) * Double(trained.reduce(0, +))
            count += trained.reduce(0, +)
            // The conversation up to its last answer, in the tokens of the template.
            let all = try #require(try JSONParser().parse(Array(line))["messages"]?.array)
            let last = try #require(all.lastIndex { $0["role"]?.string == "assistant" })
            let ids = try encoder.promptTokens(of: Conversation(messages: JSONNode(Array(all[..<last]))))
            #expect(example["prompt_ids"]?.array?.compactMap(\.integer) == ids.map { Int($0) })
        }
        // Their mean is the loss with which the result was read back.
        let events = try String(decoding: DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        let text = try #require(events.firstMatch(of: /result\/adapter has the loss ([0-9.]+)/)?.1)
        #expect(abs(sum / Double(count) - (Double(text) ?? 0)) < 1e-3, "\(sum / Double(count)), \(text)")
    }

    /// A loss that is not that of the tokens alone would be another one where it is served.
    @Test func aJobWithAnotherLossLeavesNone() throws {
        let method: JSONNode = [
            "type": "supervised",
            "supervised": ["hyperparameters": ["label_smoothing": 0.1, "batch_size": 2, "learning_rate": 1e-3, "max_steps": 1]],
        ]
        let job = try ReferenceJob(lora: true, changes: ["method": method])
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        #expect(!FolderListing.exists(job.folder.replayFile))
    }
}
