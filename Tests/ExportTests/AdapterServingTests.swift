import Manifest
import Models
import TestSupport
import Testing

@testable import Export

/// What a model card says of vLLM.
@Suite struct AdapterServingTests {
    private static func text(_ name: String = "base", _ change: (inout AdapterSettings) -> Void) throws -> String? {
        let opened = try OpenedModel(path: ReferenceSet.own.path("models/llama-tiny"))
        var settings = AdapterSettings(rank: 12, alpha: 24)
        change(&settings)
        let model = try LanguageModel(
            opened.configuration, source: .checkpoint(#require(opened.weights)), training: .adapter(settings, seed: 1), maximumLength: 8)
        return AdapterServing.text(model, baseName: name)
    }

    @Test func theCommandHasARankThatVLLMTakes() throws {
        let command = try #require(try Self.text { _ in })
        #expect(command.contains("vllm serve base --enable-lora --max-lora-rank 16 --lora-modules tuned=adapter\n"))
        #expect(try Self.text { $0.rank = 16 }?.contains("--max-lora-rank 16 ") == true)
        #expect(try Self.text { $0.rank = 17 }?.contains("--max-lora-rank 32 ") == true)
        // An adapter that began as a part of the base comes out with twice the rank.
        #expect(try Self.text { $0.initialisation = .olora }?.contains("--max-lora-rank 32 ") == true)
        #expect(try Self.text("a model's") { _ in }?.contains("vllm serve 'a model'\\''s' --enable") == true)
    }

    @Test func whatVLLMDoesNotReadIsServedAsAWhole() throws {
        let cases: [(String, (inout AdapterSettings) -> Void)] = [
            ("does not read lengths of rows (use_dora) of an adapter", { $0.usesMagnitudes = true }),
            ("does not read alpha_pattern, and would scale", { $0.alphaExceptions = [.init("q_proj", 4)] }),
            ("does not read rank_pattern, and would scale", { $0.rankExceptions = [.init("q_proj", 4)] }),
            ("does not read biases (bias: all) of an adapter", { $0.bias = .all }),
        ]
        for (words, change) in cases {
            let text = try #require(try Self.text("base", change))
            #expect(text.contains("vllm serve merged") && text.contains(words) && !text.contains("--enable-lora"), "\(text)")
        }
    }
}
