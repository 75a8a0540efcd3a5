import Foundation
import JSON
import Testing

@testable import Models

/// Frequencies and amplitudes against those of transformers, which `Rotary/make.py` has written
/// down.
@Suite struct RotaryTests {
    private static func cases() throws -> [JSONNode] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Rotary/rotary.json")
        return try JSONParser().parse(Array(Data(contentsOf: path))).array ?? []
    }

    @Test func everyKindOfScalingTurnsByTheReferencesAngles() throws {
        let cases = try Self.cases()
        #expect(cases.count >= 15)
        for node in cases {
            let name = node["name"]?.string ?? ""
            guard let config = node["config"] else { continue }
            let rotary = try #require(ModelConfiguration(json: config).rotaryTables.first).settings
            let sets = node["frequencies"]?.array ?? []
            #expect(rotary.setCount == sets.count, "\(name)")
            for (set, expected) in sets.enumerated() {
                let found = rotary.frequencies(set: set)
                let wanted = expected.array?.compactMap(\.double) ?? []
                #expect(found.count == wanted.count, "\(name)")
                // The reference computes in float32.
                for (index, pair) in zip(found, wanted).enumerated() {
                    #expect(abs(pair.0 - pair.1) <= 4e-6 * pair.1, "\(name), set \(set), pair \(index): \(pair.0), reference \(pair.1)")
                }
            }
            #expect(abs(rotary.amplitude - (node["amplitude"]?.double ?? 0)) < 1e-9, "\(name)")
        }
    }

    @Test func anExampleBeyondThePositionsIsRefusedUnderDynamicScaling() throws {
        let config = try Self.cases().first { $0["name"]?.string == "dynamic" }?["config"]
        let configuration = try ModelConfiguration(json: config ?? nil)
        func model(_ length: Int) throws {
            _ = try LanguageModel(configuration, source: .random(seed: 1), training: .nothing, maximumLength: length)
        }
        try model(512)
        #expect { try model(513) } throws: { "\($0)".contains("max_position_embeddings (512)") }
    }

    @Test func rotationsThatDifferByLayerAreRefused() {
        let config: JSONNode = [
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 1,
            "vocab_size": 32,
            "rope_parameters": ["full_attention": ["rope_type": "default", "rope_theta": 10000]],
        ]
        #expect { try ModelConfiguration(json: config) } throws: { "\($0)".contains("rope_parameters.full_attention") }
    }
}
