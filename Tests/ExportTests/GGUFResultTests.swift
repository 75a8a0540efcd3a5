import Foundation
import GGUF
import Graph
import Manifest
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels
@testable import Models

/// The forms of a job's result that other programs read.
@Suite struct GGUFResultTests {
    private static let source = ReferenceSet.own.path("models/llama-tiny")

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    private static func tuned(_ training: LanguageModel.Training) throws -> TunedModel {
        let model = try LanguageModel(
            ModelConfiguration(folder: source), source: .checkpoint(Checkpoint(folder: source)), training: training, maximumLength: 1)
        let texts = JoinedFolder(source, tokenizer: ReferenceSet.own.chatModel)
        // Named as a base that is a file: results are called so without its ending.
        return TunedModel(model: model, folder: texts, baseName: "/models/llama-tiny.gguf") { key, body in
            let parameter = model.trainables.parameters.first { $0.key == key }
            let count = (parameter?.rows ?? 0) * (parameter?.columns ?? 0)
            try (0..<count).map { Float(($0 * 31 + key.utf8.count) % 17 - 8) / 64 }.withUnsafeBufferPointer(body)
        }
    }

    private static func adapter(_ targets: AdapterSettings.Targets = .allLinear) -> LanguageModel.Training {
        .adapter(AdapterSettings(rank: 2, alpha: 4, targets: targets, usesRankStabilisedScaling: true), seed: 0)
    }

    @Test func withoutAWordTheFormsAreThoseOfEveryResult() throws {
        var tuned = try Self.tuned(Self.adapter())
        #expect(ResultFormats.chosen(for: tuned).map(\.name) == ["adapter", "merged"])
        tuned.formats = ["gguf"]
        #expect(ResultFormats.chosen(for: tuned).map(\.name) == ["adapter", "gguf"])
        tuned.formats = ["merged", "gguf-adapter"]
        #expect(ResultFormats.chosen(for: tuned).map(\.name) == ["adapter", "merged", "gguf-adapter"])
        try ResultFormats.check(tuned)
    }

    @Test func aFormThatTheModelCannotHaveIsRefusedBeforeItIsTrained() throws {
        var whole = try Self.tuned(.full)
        whole.formats = ["gguf", "gguf-adapter"]
        do throws(ModelError) {
            try ResultFormats.check(whole)
            Issue.record("an adapter of a whole model was taken")
        } catch { #expect("\(error)".contains("result.formats") && "\(error)".contains("gguf-adapter"), "\(error)") }
        whole.formats = ["gguf"]
        try ResultFormats.check(whole)
        #expect(ResultFormats.chosen(for: whole).map(\.name) == ["model", "gguf"])
        var unknown = try Self.tuned(Self.adapter())
        unknown.changedTexts["config.json"] = Array(#"{"model_type": "bloom"}"#.utf8)
        unknown.formats = ["gguf"]
        do throws(ModelError) {
            try ResultFormats.check(unknown)
            Issue.record("an unknown family was taken")
        } catch { #expect("\(error)".contains("bloom"), "\(error)") }
    }

    /// The base in float32 and the adapter's product, whatever the adapter's scaling.
    @Test func theWholeFileIsTheMergedModel() throws {
        try Self.inFolder { folder in
            var tuned = try Self.tuned(Self.adapter())
            (tuned.suffix, tuned.ggufType, tuned.contextLength) = ("help", "f32", 128)
            for format in [MergedFormat(), GGUFFormat()] as [any ResultFormat] {
                try DurableFiles.makeFolder(folder + "/" + format.name)
                try format.write(tuned, to: folder + "/" + format.name)
            }
            #expect(try FolderListing.names(in: folder + "/gguf").sorted() == ["Modelfile", "llama-tiny-help-F32.gguf"])
            let file = try GGUFFile(folder + "/gguf/llama-tiny-help-F32.gguf")
            #expect(file.metadata["general.name"] == "llama-tiny help")
            let merged = try Checkpoint(folder: folder + "/merged")
            let (value, plain) = (
                try #require(merged.tensors["model.layers.0.mlp.down_proj.weight"]).floats(),
                try #require(try Checkpoint(folder: Self.source).tensors["model.layers.0.mlp.down_proj.weight"]).floats()
            )
            let written = try #require(file.tensors["blk.0.ffn_down.weight"]).bytes.withUnsafeBytes { bytes in
                value.indices.map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
            // The merged checkpoint's sums are rounded to its own type.
            let worst = zip(written, value).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(worst <= 0.01 && zip(written, plain).contains { abs($0.0 - $0.1) > 0.05 }, "\(worst)")
        }
    }

    @Test func aWholeModelIsWrittenAsItWasTrained() throws {
        try Self.inFolder { folder in
            var tuned = try Self.tuned(.full)
            (tuned.ggufType, tuned.formats) = ("f32", ["gguf"])
            for format in ResultFormats.chosen(for: tuned) {
                try DurableFiles.makeFolder(folder + "/" + format.name)
                try format.write(tuned, to: folder + "/" + format.name)
            }
            let file = try GGUFFile(folder + "/gguf/llama-tiny-F32.gguf")
            let norm = try #require(try Checkpoint(folder: folder + "/model").tensors["model.norm.weight"]).floats()
            let written = try #require(file.tensors["output_norm.weight"]).bytes.withUnsafeBytes { bytes in
                norm.indices.map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
            #expect(written == norm)
        }
    }

    /// A number that the type cannot hold would be infinite for whoever loads the file.
    @Test func numbersThatDoNotFitTheTypeAreRefusedAndNothingIsLeft() throws {
        try Self.inFolder { folder in
            let path = folder + "/model.safetensors"
            var writer = try SafetensorsWriter(
                path: path, entries: [.init(name: "model.embed_tokens.weight", shape: [2, 32], elementType: .float32)])
            try [Float](repeating: 70_000, count: 64).withUnsafeBytes { try writer.append($0) }
            try writer.finish()
            let checkpoint = try Checkpoint(file: path)
            for (mix, fits) in [(GGUFMix.f16, false), (.q8_0, false), (.q4_0, false), (.bf16, true), (.f32, true)] {
                let plan = try GGUFPlan(
                    GGUFTexts(JoinedFolder(Self.source, tokenizer: ReferenceSet.own.chatModel)), checkpoint, mix: mix, name: "Name")
                let target = folder + "/\(mix).gguf"
                do {
                    try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: target)
                    #expect(fits, "\(mix)")
                } catch let error as GGUFError {
                    #expect(!fits && error.description.contains("70000") && !FolderListing.exists(target), "\(error)")
                }
            }
            #expect(try FolderListing.names(in: folder).sorted() == ["bf16.gguf", "f32.gguf", "model.safetensors"])
        }
    }
}
