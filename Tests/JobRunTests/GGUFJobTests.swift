import Foundation
import JSON
import Jobs
import Spool
import Storage
import Tensors
import TestSupport
import Testing

/// Jobs that begin from a GGUF file.
@Suite(.serialized) struct GGUFJobTests {
    /// The model of the trajectories as a file.
    private static func file(_ type: String) throws -> String {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        let path = folder + "/small.gguf"
        let outcome = try BuiltProgram(name: "tala").run(["export", ReferenceSet.own.trajectoryModel, path, "--type", type])
        #expect(outcome.status == 0, "\(outcome)")
        return path
    }

    private static func losses(_ job: ReferenceJob) -> [Double] { job.metrics.compactMap { $0["train_loss"] } }

    private static func remarks(_ job: ReferenceJob) throws -> String {
        String(decoding: try DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
    }

    @Test func anAdapterTrainsOverAFileOfFloatsAsOverTheFolder() throws {
        let model = try Self.file("f32")
        defer { FolderListing.delete(DurableFiles.split(model).folder) }
        let (job, reference) = (try ReferenceJob(lora: true, model: model, steps: 4), try ReferenceJob(lora: true, steps: 4))
        defer { job.remove() }
        defer { reference.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        #expect(try reference.run() == .succeeded)
        #expect(Self.losses(job).count == 4)
        for (found, wanted) in zip(Self.losses(job), Self.losses(reference)) { #expect(abs(found - wanted) <= 1e-6 * wanted) }
        // The merged model is a folder that needs no file beside it.
        let merged = try Checkpoint(folder: job.folder.result + "/merged").tensors
        let original = try Checkpoint(folder: reference.folder.result + "/merged").tensors
        #expect(Set(merged.keys) == Set(original.keys))
        for (name, tensor) in original {
            let error = zip(merged[name]?.floats() ?? [], tensor.floats()).map { abs($0 - $1) }.max() ?? .infinity
            #expect(error <= 1e-6, "\(name) is off by \(error)")
        }
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            #expect(FolderListing.leads(job.folder.result + "/merged/" + name), "\(name)")
        }
    }

    @Test func quantisedWeightsStayInTheirBlocksAndEveryResultIsWritten() throws {
        let model = try Self.file("q8_0")
        defer { FolderListing.delete(DurableFiles.split(model).folder) }
        let formats: JSONNode = ["formats": ["adapter", "merged", "gguf", "gguf-adapter"], "gguf_type": "q8_0"]
        let job = try ReferenceJob(lora: true, model: model, changes: ["result": formats], steps: 4)
        let reference = try ReferenceJob(lora: true, steps: 4)
        defer { job.remove() }
        defer { reference.remove() }
        #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")")
        #expect(try reference.run() == .succeeded)
        for (found, wanted) in zip(Self.losses(job), Self.losses(reference)) { #expect(abs(found - wanted) <= 0.02 * wanted) }
        #expect(try !Self.remarks(job).contains("Weights that the file has as"))
        let files = try FolderListing.names(in: job.folder.result + "/gguf")
        #expect(files.contains { $0.hasSuffix("Q8_0.gguf") } && files.contains("Modelfile"), "\(files)")
        #expect(FolderListing.leads(job.folder.result + "/gguf-adapter/adapter.gguf"))
        #expect(FolderListing.leads(job.folder.result + "/adapter/adapter_model.safetensors"))
    }

    @Test func allWeightsOfAQuantisedFileAreNotTrained() throws {
        let model = try Self.file("q8_0")
        defer { FolderListing.delete(DurableFiles.split(model).folder) }
        let job = try ReferenceJob(lora: false, model: model, steps: 1)
        defer { job.remove() }
        #expect(try job.run() == .failed)
        #expect(
            job.folder.status()?.error?.message.contains("the file has them quantised (Q8_0)") == true,
            "\(job.folder.status()?.error?.message ?? "")")
    }
}
