import Foundation
import JSON
import Models
import Tensors

extension FuzzTarget {
    /// Where inputs that are read as files lie: in memory.
    static let folder: String = {
        let path = (FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()) + "/tala-fuzz-\(getpid())"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }()

    /// Takes away the folder of inputs that were read as files.
    package static func cleanUp() { try? FileManager.default.removeItem(atPath: folder) }

    static func file(_ name: String, _ bytes: [UInt8]) -> String {
        let path = folder + "/" + name
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return path }
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        return path
    }

    /// The header of a safetensors file; what is taken is read to the last byte.
    static let safetensors: FuzzTarget = {
        var target = FuzzTarget(
            "safetensors", seeds: [], folders: [("malformed/safetensors", ".safetensors")],
            words: ["\"dtype\":\"F32\"", "\"BF16\"", "\"shape\":[", "\"data_offsets\":[0,8]", "__metadata__", "[2,2]", "[0]"],
            byteLimit: 2048
        ) { bytes in
            guard let file = try? SafetensorsFile(path: file("model.safetensors", bytes)) else { return nil }
            var sum = 0
            for tensor in file.tensors { tensor.bytes.withUnsafeBytes { for byte in $0 { sum &+= Int(byte) } } }
            return sum < 0 ? "the sum of bytes is negative" : nil
        }
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"__metadata__\":{\"format\":\"pt\"}}"
        var seed = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        seed += Array(header.utf8) + [UInt8](repeating: 1, count: 8)
        target.seeds = [seed]
        return target
    }()

    /// A model's config.json.
    static let modelConfiguration = FuzzTarget(
        "config",
        seeds: [
            """
            {"model_type": "llama", "hidden_size": 64, "intermediate_size": 112, "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
             "vocab_size": 288, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 512, "hidden_act": "silu", "tie_word_embeddings": false,
             "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64}}
            """
        ], folders: [("malformed/config", "config.json"), ("models", "config.json")],
        words: [
            "\"model_type\": \"phi3\"", "\"gemma2\"", "\"qwen3\"", "\"mistral\"", "\"sliding_window\"", "\"longrope\"",
            "\"long_factor\": []", "\"head_dim\"",
        ], byteLimit: 4096, structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes) else { return nil }
        _ = try? ModelConfiguration(json: node)
        return nil
    }

    /// An adapter's adapter_config.json.
    static let adapterConfiguration = FuzzTarget(
        "adapter",
        seeds: [
            "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"q_proj\"], \"use_rslora\": false, \"bias\": \"none\", \"task_type\": \"CAUSAL_LM\"}"
        ],
        folders: [("malformed/adapter", "adapter_config.json"), ("adapters", "adapter_config.json")],
        words: ["\"all-linear\"", "\"r\": 0", "\"use_dora\": true"],
        byteLimit: 2048, structure: .json
    ) { bytes in
        _ = file("adapter_config.json", bytes)
        _ = try? AdapterFolder(folder)
        return nil
    }
}
