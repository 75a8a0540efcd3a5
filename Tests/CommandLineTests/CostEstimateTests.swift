import Foundation
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import CommandLineTools

/// What a job will cost, as `tala plan` says it.
@Suite struct CostEstimateTests {
    let root = NSTemporaryDirectory() + "tala-cost-\(UUID().uuidString)"
    var layout: SpoolLayout { SpoolLayout(root: root) }

    private func manifest() throws -> Manifest {
        try Manifest(ManifestText(Array("model: m\ntraining_file: t.jsonl\n".utf8), isYAML: true))
    }

    private func policy(_ text: String) throws -> String {
        try FileManager.default.createDirectory(atPath: layout.jobs, withIntermediateDirectories: true)
        try DurableFiles.replace(root + "/policy.yaml", with: text)
        return root + "/policy.yaml"
    }

    /// A finished job of this model in the spool.
    private func finish(_ state: JobState, tokens: Int, seconds: Double) throws {
        let id = JobIdentifier.job(milliseconds: 1_700_000_000_000)
        let folder = layout.job(id)
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        var status = JobStatus(id: id, state: state, createdAt: 1, manifest: try manifest())
        status.usage.add(deviceSeconds: seconds, trainedTokensInAll: tokens, month: "2026-11")
        try folder.write(status)
    }

    @Test func withoutPricesThereIsNoEstimate() throws {
        let file = try policy("default: developer\n")
        defer { FolderListing.delete(root) }
        #expect(CostEstimate(policyFile: file, layout: layout, manifest: try manifest(), trainedTokens: 5) == nil)
        #expect(CostEstimate(policyFile: root + "/none", layout: layout, manifest: try manifest(), trainedTokens: 5) == nil)
    }

    @Test func tokensAreCountedAndDeviceTimeComesFromFinishedJobsOfTheModel() throws {
        let file = try policy("prices: {currency: EUR, device_hour: 3.6, million_trained_tokens: 2}\n")
        defer { FolderListing.delete(root) }
        let first = try #require(CostEstimate(policyFile: file, layout: layout, manifest: try manifest(), trainedTokens: 500_000))
        #expect(first.tokens == 1 && first.deviceCost == nil && first.text.contains("1.0 EUR for tokens"))
        // One that failed says nothing of the speed.
        try finish(.failed, tokens: 1, seconds: 1e6)
        try finish(.succeeded, tokens: 1_000_000, seconds: 2000)
        let second = try #require(CostEstimate(policyFile: file, layout: layout, manifest: try manifest(), trainedTokens: 500_000))
        // 500,000 tokens take 1,000 s, which cost 1 EUR at 3.6 EUR an hour.
        #expect(second.deviceSeconds == 1000 && second.deviceCost == 1)
        #expect(second.text == "about 2.0 EUR (tokens 1.0, device 1.0 for 16 min)")
    }
}
