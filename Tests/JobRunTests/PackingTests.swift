import Foundation
import JSON
import Jobs
import Spool
import Storage
import TestSupport
import Testing
import Worker

@Suite(.serialized) struct PackingTests {
    @Test(arguments: [1, 3, 8, 32]) func atLeastNinetyEightPercentOfTheRowsAreUseful(batchSize: Int) throws {
        let steps = min(26, 208 / batchSize)
        let job = try ReferenceJob(
            lora: false,
            changes: [
                "method": [
                    "type": "supervised",
                    "supervised": [
                        "hyperparameters": ["batch_size": JSONNode(batchSize), "max_steps": JSONNode(steps), "learning_rate": 1e-4]
                    ],
                ], "shuffle": true, "adapter": ["type": "full"],
            ])
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        let shares = job.metrics.compactMap { $0["useful_token_share"] }
        #expect(shares.count == steps)
        #expect(shares.allSatisfy { $0 >= 0.98 && $0 <= 1 }, "\(shares.min() ?? 0)")
        #expect(job.folder.status()?.progress.packingEfficiency ?? 0 >= 0.98)
    }

    @Test func tokensAreKeptInTheJobsFolderAndUsedAgain() throws {
        let job = try ReferenceJob(lora: true)
        defer { job.remove() }
        #expect(try job.run(stop: { (job.metrics.last?["step"] ?? 0) >= 2 }) == .stopped)
        let tokens = job.folder.path + "/tokens"
        let entries = try FolderListing.names(in: tokens).filter { $0 != "digests" }
        #expect(entries.count == 2)
        #expect(try job.run(stop: { (job.metrics.last?["step"] ?? 0) >= 4 }) == .stopped)
        #expect(try FolderListing.names(in: tokens).filter { $0 != "digests" } == entries)
        // A job that has ended has no more use for them.
        #expect(try job.run() == .succeeded)
        #expect(!FolderListing.exists(tokens))
    }

    @Test func dataThatChangedAfterItWasAcceptedFailsTheJob() throws {
        let job = try ReferenceJob(lora: true)
        defer { job.remove() }
        #expect(try job.run(stop: { (job.metrics.last?["step"] ?? 0) >= 2 }) == .stopped)
        let copy = URL(fileURLWithPath: job.folder.path + "/data/training.jsonl")
        var bytes = try Data(contentsOf: copy)
        bytes[bytes.count / 2] = UInt8(ascii: "z")
        try bytes.write(to: copy)
        #expect(try job.run() == .failed)
        #expect(job.folder.status()?.error?.code == .dataChanged)
    }
}
