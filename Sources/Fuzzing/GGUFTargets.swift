import GGUF
import GGUFModels
import JSON
import Models
import Tensors
import Tokenization

extension FuzzTarget {
    private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
    private static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

    private static func array(_ kind: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
        little(UInt32(9)) + little(kind) + little(UInt64(elements.count)) + elements.flatMap { $0 }
    }
    private static func string(_ value: String) -> [UInt8] { little(UInt32(8)) + text(value) }
    private static func count(_ number: UInt32) -> [UInt8] { little(UInt32(4)) + little(number) }

    /// A file of keys with their values as they stand in it, and of tensors in float32.
    private static func file(_ keys: [(String, [UInt8])], _ tensors: [(name: String, sizes: [Int])]) -> [UInt8] {
        var file = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(tensors.count)) + little(UInt64(keys.count))
        for (key, value) in keys { file += text(key) + value }
        var offset = 0
        for (name, sizes) in tensors {
            file += text(name) + little(UInt32(sizes.count)) + sizes.flatMap { little(UInt64($0)) } + little(UInt32(0))
            file += little(UInt64(offset))
            offset += (sizes.reduce(4, *) + 31) / 32 * 32
        }
        return file + [UInt8](repeating: 0, count: (32 - file.count % 32) % 32 + offset)
    }

    /// A Llama of one layer and four tokens.
    private static let smallGGUF: [UInt8] = {
        func float(_ number: Float) -> [UInt8] { little(UInt32(6)) + little(number.bitPattern) }
        let keys: [(String, [UInt8])] = [
            ("general.architecture", string("llama")), ("general.alignment", count(32)), ("llama.block_count", count(1)),
            ("llama.context_length", count(16)), ("llama.embedding_length", count(4)), ("llama.feed_forward_length", count(4)),
            ("llama.attention.head_count", array(5, [little(Int32(2))])), ("llama.attention.layer_norm_rms_epsilon", float(1e-5)),
            ("llama.rope.freq_base", float(10_000)), ("x.flag", little(UInt32(7)) + [1]), ("tokenizer.ggml.model", string("llama")),
            ("tokenizer.ggml.tokens", array(8, [text("<unk>"), text("</s>"), text("a"), text("aa")])),
            ("tokenizer.ggml.scores", array(6, (0..<4).map { little(Float($0).bitPattern) })),
            ("tokenizer.ggml.token_type", array(5, [2, 3, 1, 1].map { little(Int32($0)) })),
            ("tokenizer.ggml.eos_token_id", count(1)),
            ("tokenizer.chat_template", string("{% for m in messages %}{{ m.content }}{% endfor %}")),
        ]
        let square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
        let tensors =
            [("token_embd.weight", [4, 4]), ("output_norm.weight", [4]), ("blk.0.attn_norm.weight", [4]), ("blk.0.ffn_norm.weight", [4])]
            + square.map { ("blk.0.\($0).weight", [4, 4]) }
        return file(keys, tensors)
    }()

    private static let words = [
        "GGUF", "\u{0}\u{0}\u{0}\u{0}", "\u{7F}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", "\u{8}\u{0}\u{0}\u{0}", "\u{9}\u{0}\u{0}\u{0}",
        "\u{C}\u{0}\u{0}\u{0}", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{40}", "tokenizer.ggml.tokens", "general.alignment",
        "tokenizer.ggml.token_type", "<0x0A>", "llama.block_count", "phi3", "gemma2", "gpt2", "qwen2", "lfm2", "phimoe", "split.count",
        "rope_freqs.weight",
        "blk.0.attn_q.bias",
    ]

    /// A GGUF file: head, every value in every form, the places of tensors.
    static let gguf: FuzzTarget = {
        var target = FuzzTarget("gguf", seeds: [], folders: [("gguf/malformed", ".gguf")], words: words, byteLimit: 32768) { bytes in
            bytes.withUnsafeBytes { raw in
                guard let file = try? GGUFFile(path: "model.gguf", bytes: raw) else { return nil }
                let metadata = file.metadata
                for key in metadata.keys {
                    _ = try? metadata.text(key)
                    _ = try? metadata.flag(key)
                    _ = try? metadata.number(key)
                    _ = try? metadata.integer(key, in: 0...Int.max)
                    _ = try? metadata.integerOfAllLayers(key, in: 0...Int.max)
                    _ = try? metadata.texts(key)
                    _ = try? metadata.floats(key)
                    _ = try? metadata.integers(key)
                }
                var end = 0
                for tensor in file.tensors.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
                    guard tensor.place.lowerBound >= end, tensor.place.upperBound <= raw.count else { return "\(tensor.name) lies outside" }
                    end = tensor.place.upperBound
                }
                return nil
            }
        }
        target.seeds = [smallGGUF]
        return target
    }()

    /// A GGUF file as a model: configuration, tokenizer, template, weights against both, numbers of
    /// every tensor.
    static let ggufModel: FuzzTarget = {
        var target = FuzzTarget("gguf-model", seeds: [], folders: [("gguf/malformed", ".gguf")], words: words, byteLimit: 32768) { bytes in
            let folder = GGUFFolder(path: file("model.gguf", bytes))
            guard let opened = try? OpenedModel(folder), let weights = opened.weights else { return nil }
            if let encoder = try? ChatEncoder(TokenizerTexts(folder)) {
                let ids = encoder.tokenizer.encode("a aa</s>\u{E9}\n")
                _ = encoder.tokenizer.decode(ids)
                _ = try? encoder.render(messages: [["role": "user", "content": "a"]])
            }
            guard (try? LanguageModel(opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: 8)) != nil
            else {
                return nil
            }
            for tensor in weights.tensors.values where tensor.floats().count != tensor.elementCount { return "\(tensor.name) is cut" }
            return nil
        }
        target.seeds = [smallGGUF]
        return target
    }()

    /// An importance matrix as llama.cpp keeps it.
    static let importance: FuzzTarget = {
        let words = [".in_sum2", ".counts", "imatrix", "imatrix.chunk_count", "blk.0.attn_q.weight", "\u{0}\u{0}\u{80}\u{7F}"]
        var target = FuzzTarget("imatrix", seeds: [], words: words, byteLimit: 4096) { bytes in
            guard let matrix = try? ImportanceFile.read(file("imatrix.gguf", bytes)) else { return nil }
            for (name, entry) in matrix.entries {
                for index in entry.counts.indices {
                    guard let weights = matrix.weights(of: name, matrix: index) else { continue }
                    if weights.count != entry.columns || weights.contains(where: { !($0 > 0 && $0 <= 1) }) {
                        return "\(name) has odd weights"
                    }
                }
            }
            return nil
        }
        let keys: [(String, [UInt8])] = [
            ("general.type", string("imatrix")), ("imatrix.datasets", array(8, [text("a.txt")])), ("imatrix.chunk_count", count(2)),
            ("imatrix.chunk_size", count(512)),
        ]
        let tensors = [("blk.0.attn_q.weight.in_sum2", [4, 1]), ("blk.0.attn_q.weight.counts", [1, 1])]
        let experts = [("blk.0.ffn_up_exps.weight.in_sum2", [4, 3]), ("blk.0.ffn_up_exps.weight.counts", [1, 3])]
        var seed = file(keys, (tensors + experts).map { (name: $0.0, sizes: $0.1) })
        // Ones in the place of zeros: a tensor takes 32 bytes here, but for one of 48.
        for place in stride(from: seed.count - 160, to: seed.count, by: 4) {
            seed.replaceSubrange(place..<place + 4, with: little(Float(1).bitPattern))
        }
        target.seeds = [seed]
        return target
    }()
}
