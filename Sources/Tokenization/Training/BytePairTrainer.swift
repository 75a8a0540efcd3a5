package import JSON

/// Learns a byte-level byte-pair encoding from text (Sennrich et al. 2016, arXiv:1508.07909), in
/// the form of a tokenizer.json.
///
/// Text is cut into words by GPT-2's or Llama 3's expression; the pair of tokens that occurs most
/// often inside words is merged, among equals the one with the smallest ids, until the vocabulary
/// is full or no pair occurs twice. The same texts give the same bytes.
package struct BytePairTrainer: Sendable {
    /// How text is cut into words, over which no token reaches.
    package enum Splitting: String, Sendable, CaseIterable {
        case gpt2 = "gpt-2"
        case llama3 = "llama-3"
    }
    /// Tokens in all: special ones, the 256 bytes, and what is learnt.
    package var vocabularySize: Int
    /// Have the first ids.
    package var specialTokens: [String]
    package var splitting: Splitting
    /// A pair that occurs more seldom is not merged.
    package var minimumFrequency: Int

    package init(vocabularySize: Int, specialTokens: [String], splitting: Splitting = .gpt2, minimumFrequency: Int = 2) {
        self.vocabularySize = vocabularySize
        self.specialTokens = specialTokens
        self.splitting = splitting
        self.minimumFrequency = minimumFrequency
    }

    /// The contents of a tokenizer.json.
    package func train(on text: String) -> JSONNode { train(on: [text]) }

    /// The contents of a tokenizer.json.
    /// - Parameter texts: documents; no word reaches from one into the next.
    package func train(on texts: some Sequence<String>) -> JSONNode {
        // A special token that is also a byte of the alphabet, or named twice, has one id.
        var special: [String] = []
        for token in specialTokens where !token.isEmpty && !special.contains(where: { $0.utf8.elementsEqual(token.utf8) }) {
            special.append(token)
        }
        var tokens = special
        let scalars = ByteAlphabet.scalarOfByte.enumerated().sorted { $0.element.value < $1.element.value }
        var idOfByte = [Int32](repeating: 0, count: 256)
        for (byte, scalar) in scalars {
            if let known = special.firstIndex(of: String(scalar)) {
                idOfByte[byte] = Int32(known)
            } else {
                idOfByte[byte] = Int32(truncatingIfNeeded: tokens.count)
                tokens.append(String(scalar))
            }
        }
        var learner = PairLearner(words(in: texts).map { entry in (entry.key.map { idOfByte[Int($0)] }, entry.value) })
        var merges: [JSONNode] = []
        // A merge may spell a token that is there already (a special one, or the same text by
        // another way): it is not learnt again.
        var known = Set(tokens.map { ExactString($0) })
        while tokens.count < vocabularySize, let (left, right) = learner.best(atLeast: max(1, minimumFrequency)) {
            let text = tokens[Int(left)] + tokens[Int(right)]
            guard known.insert(ExactString(text)).inserted else {
                learner.discard(left, right)
                continue
            }
            merges.append([JSONNode(tokens[Int(left)]), JSONNode(tokens[Int(right)])])
            learner.merge(left, right, into: Int32(truncatingIfNeeded: tokens.count))
            tokens.append(text)
        }
        return file(special, tokens, merges)
    }

    /// The words of the texts with the number of times that each occurs, in ascending order of
    /// their bytes.
    private func words(in texts: some Sequence<String>) -> [(key: [UInt8], value: Int)] {
        let preTokenizer: PreTokenizer
        switch splitting {
        case .gpt2: preTokenizer = .byteLevel(addsPrefixSpace: false, usesExpression: true, mapsBytes: false)
        case .llama3: preTokenizer = .split((try? Pattern(Self.llama3)).map { .pattern($0) } ?? .string([]), .isolated, isInverted: false)
        }
        var counts: [[UInt8]: Int] = [:]
        for text in texts {
            let bytes = Array(text.utf8)
            let cut = preTokenizer.apply(CutText(text: AlignedText(bytes, base: 0, tracksPlaces: false), pieces: [0..<bytes.count]))
            for piece in cut.pieces { counts[Array(bytes[piece]), default: 0] += 1 }
        }
        return counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    private static let llama3 =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    private func file(_ special: [String], _ tokens: [String], _ merges: [JSONNode]) -> JSONNode {
        func byteLevel(usesExpression: Bool) -> JSONNode {
            ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": JSONNode(usesExpression)]
        }
        let split: JSONNode = ["type": "Split", "pattern": ["Regex": JSONNode(Self.llama3)], "behavior": "Isolated", "invert": false]
        let preTokenizer: JSONNode =
            splitting == .gpt2
            ? byteLevel(usesExpression: true) : ["type": "Sequence", "pretokenizers": [split, byteLevel(usesExpression: false)]]
        let added: [JSONNode] = special.enumerated().map { index, content in
            [
                "id": JSONNode(index), "content": JSONNode(content), "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            ]
        }
        let model: JSONNode = [
            "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": JSONNode(tokens.enumerated().map { JSONMember($1, JSONNode($0)) }),
            "merges": JSONNode(merges),
        ]
        return [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": JSONNode(added), "normalizer": nil,
            "pre_tokenizer": preTokenizer,
            "post_processor": byteLevel(usesExpression: true), "decoder": byteLevel(usesExpression: true), "model": model,
        ]
    }
}
