import Foundation
import JSON
import Spool
import Storage
import Testing

@Suite struct PartialResultTests {
    /// What a job that did not finish leaves, by name, from a checkpoint of these files.
    private func exported(_ files: [String], state: JSONNode) throws -> Set<String> {
        let root = NSTemporaryDirectory() + "tala-partial-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let folder = JobFolder(path: root + "/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
        try FileManager.default.createDirectory(atPath: folder.checkpoints, withIntermediateDirectories: true)
        try WholeFolder.build(folder.checkpoints + "/step-000004", byteCount: 1_000) { temporary in
            for file in files { try DurableFiles.replace(temporary + "/" + file, with: "content") }
            try DurableFiles.replace(temporary + "/state.json", with: JSONWriter().string(state))
        }
        #expect(try PartialResult.export(folder, reason: "was cancelled") == "step-000004")
        return Set(try FolderListing.names(in: folder.result + "/" + PartialResult.folderName))
    }

    @Test func theStateOfAnyOptimizerStaysOutOfTheAdapter() throws {
        let names = try exported(
            ["adapter_model.safetensors", "adapter_config.json", "momenta.safetensors"],
            state: ["version": 2, "resume_files": ["state.json", "momenta.safetensors"]])
        #expect(names == ["adapter_model.safetensors", "adapter_config.json", "README.md"])
    }

    /// Checkpoints of 0.1.0 do not say which files are for resuming.
    @Test func theMomentsOfAnOlderCheckpointStayOutToo() throws {
        let names = try exported(
            ["adapter_model.safetensors", "first_moments.safetensors", "second_moments.safetensors"], state: ["version": 2])
        #expect(names == ["adapter_model.safetensors", "README.md"])
    }
}
