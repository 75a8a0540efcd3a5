import CPUBackend
import Engine
import Foundation
import Graph
import Manifest
import Models
import Tensors
import Tokenization

/// Engines over the model that comes with the project.
enum DemoEngine {
    static let folder: String = {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.deletingLastPathComponent().path + "/demo/model"
    }()

    /// Models of other families with random weights and the vocabulary of the one that comes with
    /// the project.
    enum RandomModel: String, CaseIterable {
        case qwen3MoE = """
            {"model_type": "qwen3_moe", "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
             "head_dim": 16, "intermediate_size": 64, "moe_intermediate_size": 32, "num_experts": 9, "num_experts_per_tok": 3,
             "norm_topk_prob": true, "mlp_only_layers": [1], "vocab_size": 768, "tie_word_embeddings": false,
             "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "initializer_range": 0.4}
            """
        case gptOSS = """
            {"model_type": "gpt_oss", "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
             "head_dim": 16, "intermediate_size": 32, "num_local_experts": 9, "num_experts_per_tok": 3, "vocab_size": 768,
             "sliding_window": 20, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "initializer_range": 0.4,
             "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "truncate": false}}
            """
        case lfm2 = """
            {"model_type": "lfm2", "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
             "block_ff_dim": 96, "block_multiple_of": 8, "conv_L_cache": 3, "full_attn_idxs": [1], "vocab_size": 768,
             "max_position_embeddings": 512, "norm_eps": 1e-6, "initializer_range": 0.4}
            """
    }

    private static let models: [RandomModel: Result<String, any Error>] = Dictionary(
        uniqueKeysWithValues: RandomModel.allCases.map { model in
            (
                model,
                Result {
                    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tala-experts-\(UUID().uuidString)").path
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                    try model.rawValue.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
                    try RandomCheckpoint(ModelConfiguration(folder: folder), elementType: .float32).make(in: folder)
                    return folder
                }
            )
        })

    /// The folder of such a model, made once.
    static func folder(of model: RandomModel) throws -> String { try (models[model] ?? .success(folder)).get() }

    static func make(
        model folder: String = folder, on device: (any ComputeDevice)? = nil, threads: Int? = nil, baseWeights: BaseWeights = .stored,
        activations: ElementType = .float32, tokenizer: String? = nil, _ settings: EngineSettings
    ) throws -> Engine {
        let model = try LanguageModel(
            ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .nothing,
            precision: .init(activationType: activations, mixableTypes: [.bfloat16, .float16], baseWeights: baseWeights),
            maximumLength: settings.contextLength)
        let tokenizer = try ChatEncoder(folder: tokenizer ?? folder).tokenizer
        return try Engine(model, tokenizer: tokenizer, on: device ?? CPUDevice(threadCount: threads), settings)
    }

    static func prompt(_ text: String) throws -> [Int32] {
        try ChatEncoder(folder: folder).tokenizer.encode(text, addSpecialTokens: true)
    }
}

/// What a request has got, with the bits of its numbers.
struct Answer: Equatable {
    var tokens: [Int32] = []
    var logProbabilities: [UInt64] = []
    var text = ""
    var reason: FinishReason?
}

extension Engine {
    /// Runs until nothing is left to do; answers by request and choice.
    /// - Parameter between: called before every step with its number.
    func run(_ requests: [GenerationRequest] = [], between: (Int) throws -> Void = { _ in }) throws -> [UInt64: [Int: Answer]] {
        for request in requests { try submit(request) }
        var answers: [UInt64: [Int: Answer]] = [:]
        var number = 0
        repeat {
            try between(number)
            number += 1
            for event in try step() {
                switch event {
                case .token(let token):
                    var answer = answers[token.id]?[token.choice] ?? Answer()
                    answer.tokens.append(token.token)
                    answer.text += token.text
                    if let own = token.probabilities {
                        answer.logProbabilities += ([own.token] + own.top).map(\.logProbability.bitPattern)
                    }
                    answers[token.id, default: [:]][token.choice] = answer
                case .finished(let id, let choice, let reason, let text):
                    answers[id, default: [:]][choice, default: Answer()].text += text
                    answers[id, default: [:]][choice, default: Answer()].reason = reason
                case .prompt(let id, let probabilities):
                    answers[id, default: [:]][0, default: Answer()].logProbabilities += probabilities.map {
                        $0.token.logProbability.bitPattern
                    }
                case .done, .embedding: break
                }
            }
        } while !isIdle
        return answers
    }
}
