import Foundation
import Graph
import JSON
import Manifest
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import Models

/// Modules that transformers' versions call by different names.
@Suite struct AdapterNameTests {
    private static let source = ReferenceSet.own.path("models/gpt-neox-tiny")

    private static func model(_ settings: AdapterSettings) throws -> LanguageModel {
        try LanguageModel(
            ModelConfiguration(folder: source), source: .checkpoint(Checkpoint(folder: source)), training: .adapter(settings, seed: 0),
            maximumLength: 1)
    }

    /// PEFT looks for `lm_head` in the models of transformers 5, for `embed_out` in those before,
    /// and says nothing of a module that it does not find.
    @Test(arguments: ["embed_out", "lm_head"]) func aSavedHeadOfGPTNeoXHasBothNames(word: String) throws {
        let folder = NSTemporaryDirectory() + "tala-names-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        var settings = AdapterSettings(rank: 2, alpha: 4, targets: .names(["dense"]))
        settings.savedModules = [word]
        let model = try Self.model(settings)
        #expect(model.copies.map(\.name) == ["embed_out.weight"])
        let tuned = TunedModel(model: model, folder: JoinedFolder(path: Self.source), baseName: "base") { key, body in
            let parameter = model.trainables.parameters.first { $0.key == key }
            let count = (parameter?.rows ?? 0) * (parameter?.columns ?? 0)
            try (0..<count).map { Float($0 % 13) / 16 }.withUnsafeBufferPointer(body)
        }
        try AdapterFormat().write(tuned, to: folder)
        let configuration = try JSONParser().parse(DurableFiles.read(folder + "/adapter_config.json", limit: 1 << 20))
        let names = configuration["modules_to_save"]?.array?.compactMap(\.string) ?? []
        #expect(Set(names) == ["embed_out", "lm_head"] && names.count == 2)
        let file = folder + "/adapter_model.safetensors"
        var tensors = Dictionary(try SafetensorsFile(path: file).tensors.map { ($0.name, $0) }) { first, _ in first }
        let (first, second) = (
            try #require(tensors["base_model.model.embed_out.weight"]), try #require(tensors["base_model.model.lm_head.weight"])
        )
        #expect(first.holdsSameNumbers(as: second))
        func numbers() throws -> [Float]? {
            let adapter = try AdapterFolder(folder)
            let model = try Self.model(adapter.settings(on: LanguageModel.linearModules(of: ModelConfiguration(folder: Self.source))))
            return try adapter.numbers(for: model).first { $0.key == "base_model.model.embed_out.weight" }?.numbers
        }
        #expect(try numbers() == first.floats())
        // As PEFT saves it with transformers 5: under that name alone.
        let values = first.floats()
        tensors["base_model.model.embed_out.weight"] = nil
        try Self.write(tensors, to: file)
        #expect(try numbers() == values)
    }

    private static func write(_ tensors: [String: StoredTensor], to file: String) throws {
        let held = tensors.values.sorted { $0.name < $1.name }.map { ($0.name, $0.shape, $0.floats()) }
        FolderListing.delete(file)
        var writer = try SafetensorsWriter(
            path: file, entries: held.map { SafetensorsWriter.Entry(name: $0.0, shape: $0.1, elementType: .float32) })
        for (_, _, numbers) in held { try numbers.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
    }
}
