import JSON
import Jobs
import Spool
import Storage
import Testing
import Training
import Worker

@Suite(.serialized) struct OptimizerJobTests {
    /// Whole jobs with optimizers other than AdamW: their state is in the checkpoint from which the
    /// second half goes on, and not in the result.
    @Test(arguments: Optimizers.all.map { $0.name }.filter { $0 != AdamWOptimizer.name })
    func aJobThatIsStoppedEndsInTheSameBytes(name: String) throws {
        let changes: [String: JSONNode] = [
            "optimizer": ["type": JSONNode(name), "weight_decay": 0.1], "checkpoint": ["every_steps": 4], "shuffle": true,
        ]
        let whole = try ReferenceJob(lora: true, changes: changes, steps: 12)
        let cut = try ReferenceJob(lora: true, changes: changes, steps: 12)
        defer {
            whole.remove()
            cut.remove()
        }
        #expect(try whole.run() == .succeeded, "\(whole.folder.status()?.error?.message ?? "")")
        #expect(try cut.run(stop: { (cut.metrics.last?["step"] ?? 0) >= 7 }) == .stopped)
        let newest = try #require(cut.folder.checkpointNames.last)
        let files = try FolderListing.names(in: cut.folder.checkpoints + "/" + newest)
        for state in try Optimizers.named(name, numbers: [:]).states { #expect(files.contains(state + ".safetensors")) }
        #expect(try cut.run() == .succeeded)
        #expect(try whole.resultBytes("adapter/adapter_model.safetensors") == cut.resultBytes("adapter/adapter_model.safetensors"))
        #expect(whole.metrics.map { $0["train_loss"] } == cut.metrics.map { $0["train_loss"] })
        #expect(try FolderListing.names(in: whole.folder.result + "/adapter").filter { $0.hasSuffix(".safetensors") }.count == 1)
    }
}
