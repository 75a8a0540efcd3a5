import GGUFModels

extension FuzzTarget {
    private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    /// A file with a value of each kind that models have, and two tensors.
    private static let smallGGUF: [UInt8] = {
        func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
        func array(_ kind: UInt32, _ count: UInt64) -> [UInt8] { little(UInt32(9)) + little(kind) + little(count) }
        let keys: [(String, [UInt8])] = [
            ("general.architecture", little(UInt32(8)) + text("llama")), ("general.alignment", little(UInt32(4)) + little(UInt32(32))),
            ("llama.attention.head_count", array(5, 2) + little(Int32(4)) + little(Int32(4))),
            ("llama.rope.freq_base", little(UInt32(6)) + little(Float(10_000).bitPattern)), ("x.flag", little(UInt32(7)) + [1]),
            ("tokenizer.ggml.tokens", array(8, 3) + text("<s>") + text("a") + text("b")),
            (
                "tokenizer.ggml.scores",
                array(6, 3) + little(Float(0).bitPattern) + little(Float(1).bitPattern) + little(Float(2).bitPattern)
            ),
        ]
        let tensors: [(String, [UInt64], UInt32, UInt64)] = [("a.weight", [2, 3], 0, 0), ("b.weight", [32, 2], 8, 32)]
        var file = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(tensors.count)) + little(UInt64(keys.count))
        for (key, value) in keys { file += text(key) + value }
        for (name, sizes, type, offset) in tensors {
            file += text(name) + little(UInt32(sizes.count)) + sizes.flatMap { little($0) } + little(type) + little(offset)
        }
        return file + [UInt8](repeating: 0, count: (32 - file.count % 32) % 32 + 128)
    }()

    /// A GGUF file: head, every value in every form, the places of tensors.
    static let gguf: FuzzTarget = {
        var target = FuzzTarget(
            "gguf", seeds: [], folders: [("gguf/malformed", ".gguf")],
            words: [
                "GGUF", "\u{0}\u{0}\u{0}\u{0}", "\u{7F}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", "\u{8}\u{0}\u{0}\u{0}", "\u{9}\u{0}\u{0}\u{0}",
                "\u{C}\u{0}\u{0}\u{0}", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{40}", "tokenizer.ggml.tokens", "general.alignment",
                "tokenizer.ggml.token_type", "<0x0A>", "llama.block_count",
            ], byteLimit: 32768
        ) { bytes in
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
}
