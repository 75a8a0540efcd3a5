import Graph
import JSON
import Manifest
import Models

/// A model of random weights, small enough to be planned and run in a moment.
enum SmallModel {
    static let configuration: JSONNode = [
        "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "intermediate_size": 48, "vocab_size": 64, "tie_word_embeddings": true, "rms_norm_eps": 1e-5, "max_position_embeddings": 256,
    ]

    static func make(_ training: LanguageModel.Training) throws -> LanguageModel {
        try LanguageModel(
            ModelConfiguration(json: configuration, file: "config.json"), source: .random(seed: 3), training: training, maximumLength: 64)
    }

    static var adapted: LanguageModel.Training { .adapter(AdapterSettings(rank: 2, alpha: 4, targets: .allLinear), seed: 1) }
}
