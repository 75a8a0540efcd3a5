import Foundation
import Graph
import Manifest
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import Models

/// Merging an adapter whose rows have lengths of their own (DoRA) into its base.
@Suite struct MergedMagnitudeTests {
    /// A number of a trained tensor: those of magnitudes are positive.
    private static func number(_ key: String, _ index: Int) -> Float {
        let number = Float((index * 31 + key.utf8.count) % 17 - 8) / 64
        return key.contains("magnitude") ? 1 + number : number
    }

    /// What belongs to an output has its magnitude as its length and the direction of `W + scale *
    /// B A`, whichever way round the checkpoint has the weight.
    @Test(
        arguments: [
            ("llama-tiny", "model.layers.0.mlp.down_proj", false), ("gpt2-narrow-tiny", "transformer.h.1.mlp.c_fc", true),
            ("gpt2-narrow-tiny", "transformer.h.0.attn.c_attn", true),
        ])
    func outputsHaveTheirMagnitudesAsLengths(base: String, module: String, isTurned: Bool) throws {
        let source = ReferenceSet.own.path("models/" + base)
        let folder = NSTemporaryDirectory() + "tala-merged-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        var settings = AdapterSettings(rank: 2, alpha: 4, targets: .allLinear)
        settings.usesMagnitudes = true
        let model = try LanguageModel(
            ModelConfiguration(folder: source), source: .checkpoint(Checkpoint(folder: source)),
            training: .adapter(settings, seed: 0), maximumLength: 1)
        let texts = JoinedFolder(source, tokenizer: ReferenceSet.own.chatModel)
        let tuned = TunedModel(model: model, folder: texts, baseName: "/models/" + base) { key, body in
            let parameter = model.trainables.parameters.first { $0.key == key }
            let count = (parameter?.rows ?? 0) * (parameter?.columns ?? 0)
            try (0..<count).map { Self.number(key, $0) }.withUnsafeBufferPointer(body)
        }
        try MergedFormat().write(tuned, to: folder)
        let adapter = try #require(model.adapters.first { $0.module.name == module })
        let (outputs, inputs) = (adapter.module.outputs, adapter.module.inputs)
        let stored = try #require(try Checkpoint(folder: source).tensors[module + ".weight"])
        let merged = try #require(try Checkpoint(folder: folder).tensors[module + ".weight"])
        #expect(merged.shape == stored.shape && merged.shape == (isTurned ? [inputs, outputs] : [outputs, inputs]))
        let (before, after) = (stored.floats(), merged.floats())
        for output in 0..<outputs {
            func place(_ input: Int) -> Int { isTurned ? input * outputs + output : output * inputs + input }
            let sums = (0..<inputs).map { input -> Double in
                let added = (0..<adapter.rank).reduce(0.0) { sum, index in
                    sum + Double(Self.number(adapter.keyOfB, output * adapter.rank + index))
                        * Double(Self.number(adapter.keyOfA, index * inputs + input))
                }
                return Double(before[place(input)]) + adapter.scale * added
            }
            let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let wanted = Double(Self.number(adapter.keyOfMagnitude, output))
            for input in 0..<inputs {
                let (expected, found) = (sums[input] / length * wanted, Double(after[place(input)]))
                // The checkpoint's own type rounds.
                #expect(abs(found - expected) <= (stored.elementType == .float32 ? 1e-6 : 0.004) * (1 + abs(expected)))
            }
        }
    }
}
