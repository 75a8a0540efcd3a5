import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import TestSupport
import Testing
import Worker

/// Jobs that end after validation and leave word of what they would have done.
@Suite(.serialized) struct DryRunTests {
    private static func preview(_ job: ReferenceJob) throws -> JSONNode {
        try JSONParser().parse(DurableFiles.read(job.folder.previewFile))
    }

    @Test func aDryRunSaysWhatTheJobWouldDoAndTrainsNothing() throws {
        let job = try ReferenceJob(lora: true, changes: ["validate_only": true])
        defer { job.remove() }
        #expect(try JobRunner(folder: job.folder, deviceSelector: nil) { false }.validate() == .succeeded)
        let status = try #require(job.folder.status())
        #expect(status.state == .succeeded && status.reason == .validatedOnly && status.resultFiles == ["preview.json"])
        #expect(!FolderListing.exists(job.folder.result) && job.folder.checkpointNames.isEmpty && job.metrics.isEmpty)
        #expect(status.usage.total.trainedTokens == 0)
        let preview = try Self.preview(job)
        let numbers = preview["numbers"]
        let data = try DurableFiles.read(ReferenceSet.own.chatModel + "/train.jsonl").split(separator: 10)
        #expect(preview["valid"]?.bool == true && preview["files"]?.array?.count == 2)
        #expect(numbers?["batch_size"]?.integer == 8 && numbers?["n_epochs"]?.integer == 2 && numbers?["learning_rate"]?.double == 1e-3)
        #expect(numbers?["steps"]?.integer == status.progress.totalSteps && status.progress.totalSteps == 52)
        #expect(numbers?["training_examples"]?.integer == data.count && numbers?["validation_examples"]?.integer == 40)
        #expect(preview["plan"]?["peak_bytes"]?.integer == status.plan?.peakBytes && preview["seconds"]?.double ?? 0 > 0)
        let events = try String(decoding: DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        #expect(events.contains("\"validated\"") && events.contains("nothing is trained"))

        // The parts of an example are its text, and what is trained is what the assistant says.
        let examples = try #require(preview["examples"]?["training"]?.array)
        #expect(examples.count == 8)
        for example in examples {
            let number = try #require(example["line"]?.integer)
            let line = try JSONParser().parse(Array(data[number - 1]))
            func text(isTrained: Bool) -> String {
                example["parts"]?.array?.filter { $0["trained"]?.bool == isTrained }.compactMap { $0["text"]?.string }.joined() ?? ""
            }
            for message in try #require(line["messages"]?.array) {
                let content = try #require(message["content"]?.string)
                let isTrained = message["role"]?.string == "assistant" && message["weight"]?.integer != 0
                #expect(text(isTrained: isTrained).contains(content.trimmingCharacters(in: .whitespaces)), "line \(number)")
            }
            #expect(example["trained_tokens"]?.integer ?? 0 > 0 && example["tokens_left_out"]?.integer == 0)
        }
    }

    /// A worker that was started to train ends the same way: the daemon may have died in between.
    @Test func aWorkerThatWasStartedToTrainTrainsNothingEither() throws {
        let path = NSTemporaryDirectory() + "tala-dry-\(UUID().uuidString).jsonl"
        let lines = try DurableFiles.read(ReferenceSet.own.chatModel + "/train.jsonl").split(separator: 10).prefix(3)
        try DurableFiles.replace(path, with: lines.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined())
        defer { FolderListing.delete(path) }
        let job = try ReferenceJob(lora: true, data: path, changes: ["validate_only": true], steps: 2)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        #expect(job.folder.status()?.reason == .validatedOnly && job.folder.checkpointNames.isEmpty && job.metrics.isEmpty)
        // Made anew from its other files, it is the same.
        FolderListing.delete(job.folder.statusFile)
        FolderListing.delete(job.folder.ledgerFile)
        let rebuilt = try #require(try job.folder.rebuiltStatus())
        #expect(rebuilt.state == .succeeded && rebuilt.reason == .validatedOnly)
    }

    @Test func whatIsWrongWithTheDataStandsInThePreview() throws {
        let path = NSTemporaryDirectory() + "tala-dry-\(UUID().uuidString).jsonl"
        try DurableFiles.replace(path, with: "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n{\"messages\": 3}\n")
        defer { FolderListing.delete(path) }
        let job = try ReferenceJob(lora: true, data: path, changes: ["validate_only": true])
        defer { job.remove() }
        #expect(try JobRunner(folder: job.folder, deviceSelector: nil) { false }.validate() == .failed)
        #expect(job.folder.status()?.state == .failed && job.folder.status()?.reason == nil)
        let preview = try Self.preview(job)
        #expect(preview["valid"]?.bool == false)
        let problems = try #require(preview["files"]?.array?.first?["problems"])
        #expect(Set(problems.array?.compactMap { $0["line"]?.integer } ?? []) == [1, 2], "\(problems)")
    }

    /// A job is not another one for a key that says nothing.
    @Test func aManifestWithoutTheKeyDoesNotHaveIt() throws {
        let job = try ReferenceJob(lora: true, changes: ["validate_only": false])
        defer { job.remove() }
        #expect(try job.folder.manifest().json["validate_only"] == nil)
    }
}
