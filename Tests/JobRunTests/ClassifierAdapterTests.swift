import CPUBackend
import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing
import Training
import Worker

/// A classifier's adapter as PEFT saves one, with a head and without the names of its classes.
@Suite(.serialized) struct ClassifierAdapterTests {
    private static let texts = [
        ("The hen is brown.", "colour"), ("The frog croaks.", "voice"), ("The hen is red.", "colour"), ("The frog sings.", "voice"),
        ("The pig is pink.", "colour"), ("The pig grunts.", "voice"),
    ]

    private static func file(_ label: (String) -> JSONNode) throws -> String {
        let path = NSTemporaryDirectory() + "tala-adapter-\(UUID().uuidString).jsonl"
        let lines = texts.map { JSONWriter().string(["text": JSONNode($0), "label": label($1)]) + "\n" }
        try DurableFiles.replace(path, with: lines.joined())
        return path
    }

    /// A job that has trained an adapter with a head on the model of the trajectories.
    private static func tuned(_ data: String) throws -> ReferenceJob {
        let hyperparameters: JSONNode = ["n_epochs": 12, "batch_size": 4, "learning_rate": 5e-3]
        let job = try ReferenceJob(
            lora: true, data: data,
            changes: [
                "method": ["type": "classification", "classification": ["hyperparameters": hyperparameters]],
                "schedule": ["type": "constant"], "adapter": ["type": "lora", "rank": 4, "alpha": 8], "shuffle": true,
            ])
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        return job
    }

    /// An evaluation of the adapter beside the model that it was trained on.
    private static func evaluation(_ adapter: String, _ data: String, _ settings: JSONNode) throws -> ReferenceJob {
        try ReferenceJob(
            lora: true, data: data, initialAdapter: adapter,
            changes: [
                "method": ["type": "evaluation", "evaluation": settings], "training_file": nil, "validation_file": "v.jsonl",
                "adapter": ["type": "lora", "init_from": "adapter"],
            ])
    }

    @Test func anAdapterWithAHeadIsJudgedBesideItsModel() throws {
        let (named, numbered) = (try Self.file { JSONNode($0) }, try Self.file { $0 == "colour" ? 0 : 1 })
        let job = try Self.tuned(named)
        let adapter = job.folder.result + "/adapter"
        defer {
            job.remove()
            for path in [named, numbered] { FolderListing.delete(path) }
        }
        let report = try #require(try JSONParser().parse(job.resultBytes("evaluation.json"))["validation"])
        for (data, settings, names) in [
            (named, ["labels": ["colour", "voice"]] as JSONNode, ["colour", "voice"]),
            (numbered, JSONNode([JSONMember]()), ["0", "1"]),
        ] {
            let other = try Self.evaluation(adapter, data, settings)
            defer { other.remove() }
            #expect(try other.run() == .succeeded, "\(other.folder.status()?.error?.message ?? "")")
            let found = try JSONParser().parse(other.resultBytes("evaluation.json"))
            #expect(found["per_class"]?.object?.map(\.key) == names)
            for key in ["accuracy", "confusion_matrix"] {
                #expect(found[key]?.withoutPlaces == report[key]?.withoutPlaces, "\(key)")
            }
            let (loss, wanted) = (try #require(found["loss"]?.double), try #require(report["loss"]?.double))
            #expect(abs(loss - wanted) < 1e-5, "\(loss), \(wanted)")
        }
        let wrong = try Self.evaluation(adapter, named, ["labels": ["a", "b", "c"]])
        defer { wrong.remove() }
        #expect(try wrong.run() == .failed)
        let message = wrong.folder.status()?.error?.message ?? ""
        #expect(message.contains("3 names") && message.contains("2 rows"), "\(message)")
        // Names in the data, where there are none for the head: their order is not guessed.
        let nameless = try Self.evaluation(adapter, named, JSONNode([JSONMember]()))
        defer { nameless.remove() }
        #expect(try nameless.run() == .failed)

        let merged = try TextClassifier(folder: job.folder.result + "/merged", device: CPUDevice())
        let beside = try TextClassifier(
            folder: ReferenceSet.own.trajectoryModel, adapter: .init(folder: adapter, labels: ["colour", "voice"]), device: CPUDevice())
        let tokens = Self.texts.map { merged.tokens(of: $0.0) }
        let (first, second) = (try merged.classify(tokens), try beside.classify(tokens))
        #expect(first.map(\.labels) == second.map(\.labels) && first.map(\.labels) == Self.texts.map { [$0.1] })
        for (one, two) in zip(first, second) {
            #expect(zip(one.probabilities, two.probabilities).allSatisfy { abs($0 - $1) < 1e-2 }, "\(one) \(two)")
        }
    }
}
