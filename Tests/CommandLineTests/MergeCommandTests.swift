import Foundation
import JSON
import Storage
import Tensors
import TestSupport
import Testing

/// `tala merge` from the outside.
@Suite struct MergeCommandTests {
    private static let base = ReferenceSet.own.chatModel
    private static let adapter = ReferenceSet.own.path("adapters/chat-model-lora")

    private static func tensors(_ folder: String) throws -> [String: StoredTensor] {
        Dictionary(try SafetensorsFile(path: folder + "/adapter_model.safetensors").tensors.map { ($0.name, $0) }) { first, _ in first }
    }

    /// What an adapter adds to a layer's weight, row-major.
    private static func addition(_ tensors: [String: StoredTensor], _ layer: String, scale: Float) throws -> [Float] {
        let (a, b) = (try #require(tensors[layer + ".lora_A.weight"]), try #require(tensors[layer + ".lora_B.weight"]))
        let (rank, columns) = (a.shape[0], a.shape[1])
        let (left, right) = (b.floats(), a.floats())
        return (0..<b.shape[0]).flatMap { row in
            (0..<columns).map { column in
                (0..<rank).reduce(Float(0)) { $0 + scale * left[row * rank + $1] * right[$1 * columns + column] }
            }
        }
    }

    @Test func theSumDoesWhatTheAdaptersDoTogether() throws {
        let folder = NSTemporaryDirectory() + "tala-merge-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        // A second one, on other layers and with another rank and scale.
        let original = try Self.tensors(Self.adapter)
        let settings = try JSONParser().parse(DurableFiles.read(Self.adapter + "/adapter_config.json"))
        let scale = Float(try #require(settings["lora_alpha"]?.double)) / Float(try #require(settings["r"]?.double))
        let other = folder + "/other"
        try DurableFiles.makeFolder(other)
        let layers = original.keys.filter { $0.hasSuffix("q_proj.lora_A.weight") }.sorted()
        var entries: [(name: String, shape: [Int], numbers: [Float])] = []
        for name in layers {
            let b = name.replacing("lora_A", with: "lora_B")
            let (inputs, outputs) = (try #require(original[name]).shape[1], try #require(original[b]).shape[0])
            entries.append((name, [1, inputs], (0..<inputs).map { Float($0 % 5) * 0.01 }))
            entries.append((b, [outputs, 1], (0..<outputs).map { Float($0 % 3) * 0.02 }))
        }
        var writer = try SafetensorsWriter(
            path: other + "/adapter_model.safetensors",
            entries: entries.map { .init(name: $0.name, shape: $0.shape, elementType: .float32) })
        for entry in entries { try entry.numbers.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
        let configuration: JSONNode = ["peft_type": "LORA", "r": 1, "lora_alpha": 3, "target_modules": ["q_proj"]]
        try DurableFiles.replace(other + "/adapter_config.json", with: JSONWriter().string(configuration))

        let merged = folder + "/merged"
        let outcome = try BuiltProgram(name: "tala").run(
            ["merge", Self.adapter + "=0.5", other + "=-2", "--base", Self.base, "--output", merged, "--json"])
        #expect(outcome.status == 0, "\(outcome)")
        let (found, second) = (try Self.tensors(merged), try Self.tensors(other))
        #expect(found.count == original.count)
        for name in original.keys where name.hasSuffix("lora_A.weight") {
            let layer = String(name.dropLast(".lora_A.weight".count))
            var wanted = try Self.addition(original, layer, scale: 0.5 * scale)
            if layers.contains(name) { wanted = zip(wanted, try Self.addition(second, layer, scale: -6)).map { $0 + $1 } }
            let error = zip(wanted, try Self.addition(found, layer, scale: 1)).map { abs($0 - $1) }.max() ?? .infinity
            #expect(error < 1e-6, "\(layer) is off by \(error)")
        }
        let written = try JSONParser().parse(DurableFiles.read(merged + "/adapter_config.json"))
        let rank = try #require(settings["r"]?.integer)
        #expect(written["r"]?.integer == rank + 1 && written["lora_alpha"]?.integer == rank + 1)
        #expect(written["rank_pattern"]?["k_proj"]?.integer == rank && written["alpha_pattern"]?["k_proj"]?.integer == rank)
        #expect(written["rank_pattern"]?["q_proj"] == nil)
        let answer = try BuiltProgram(name: "tala").run(
            ["generate", "--model", Self.base, "--adapter", merged, "--prompt", "The", "--max-tokens", "2", "--json"])
        #expect(answer.status == 0, "\(answer)")
    }

    @Test(arguments: [
        ([adapter], "one adapter with the weight 1"), ([adapter + "=x"], "has no number"), ([adapter, "/nowhere/at/all"], "no folder"),
        ([adapter, base], "has no adapter"),
    ])
    func whatCannotBeAddedUpIsRefused(adapters: [String], words: String) throws {
        let output = NSTemporaryDirectory() + "tala-merge-\(UUID().uuidString)"
        let outcome = try BuiltProgram(name: "tala").run(["merge", "--base", Self.base, "--output", output, "--json"] + adapters)
        #expect(outcome.status != 0 && (outcome.output + outcome.errors).contains(words), "\(outcome)")
        #expect(!FolderListing.exists(output))
    }
}
