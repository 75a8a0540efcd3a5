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
    private static func file(_ type: String, of model: String? = nil) throws -> String {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        let path = folder + "/small.gguf"
        let outcome = try BuiltProgram(name: "tala").run(["export", model ?? ReferenceSet.own.trajectoryModel, path, "--type", type])
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

    /// Families whose files differ most from their checkpoints: weights the other way round,
    /// experts as one, sinks.
    @Test(arguments: [("gpt2", ["c_attn", "c_fc"]), ("gpt_oss", ["q_proj", "down_proj"])])
    func aFileOfAnyFamilyTrainsAsItsFolder(type: String, targets: [String]) throws {
        let folder = try RandomModel.folder(type)
        let (floats, blocks) = (try Self.file("f32", of: folder), try Self.file("q8_0", of: folder))
        defer { for path in [folder, DurableFiles.split(floats).folder, DurableFiles.split(blocks).folder] { FolderListing.delete(path) } }
        let adapter: JSONNode = ["type": "lora", "rank": 4, "alpha": 8, "target_modules": JSONNode(targets.map { JSONNode($0) })]
        let changes: [String: JSONNode] = ["adapter": adapter, "result": ["formats": ["adapter", "merged"]]]
        let jobs = try [folder, floats, blocks].map { try ReferenceJob(lora: true, model: $0, changes: changes, steps: 3) }
        defer { for job in jobs { job.remove() } }
        for job in jobs { #expect(try job.run() == .succeeded, "\(job.folder.status()?.error?.message ?? "")") }
        let wanted = Self.losses(jobs[0])
        #expect(wanted.count == 3)
        for (found, loss) in zip(Self.losses(jobs[1]), wanted) { #expect(abs(found - loss) <= 1e-6 * loss, "\(found), \(loss)") }
        for (found, loss) in zip(Self.losses(jobs[2]), wanted) { #expect(abs(found - loss) <= 0.02 * loss, "\(found), \(loss)") }
        #expect(try !Self.remarks(jobs[2]).contains("Weights that the file has as"))
        // Merged they are the same folders.
        let (own, other) = (
            try Checkpoint(folder: jobs[0].folder.result + "/merged"), try Checkpoint(folder: jobs[1].folder.result + "/merged")
        )
        #expect(Set(own.tensors.keys) == Set(other.tensors.keys))
        for (name, tensor) in own.tensors {
            let found = try #require(other.tensors[name], "\(name)")
            let error = zip(found.floats(), tensor.floats()).map { abs($0 - $1) }.max() ?? .infinity
            #expect(found.shape == tensor.shape && error <= 1e-6, "\(name) is off by \(error)")
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
