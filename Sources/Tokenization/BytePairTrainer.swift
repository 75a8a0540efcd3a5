public import JSON

/// Learns a byte-level byte-pair encoding from text (Sennrich et al. 2016, arXiv:1508.07909), in the form of GPT-2's tokenizer.
///
/// Words are cut by GPT-2's expression; the pair that occurs most often is merged, the first in order of its ids among equals, until the vocabulary is full.
public struct BytePairTrainer: Sendable {
    public var vocabularySize: Int
    public var specialTokens: [String]

    public init(vocabularySize: Int, specialTokens: [String]) {
        self.vocabularySize = vocabularySize
        self.specialTokens = specialTokens
    }

    private struct Pair: Hashable {
        var left: Int
        var right: Int
    }

    /// The contents of a tokenizer.json.
    public func train(on text: String) -> JSONNode {
        let splitter = PreTokenizer.byteLevel(addsPrefixSpace: false, usesExpression: true)
        var counts: [ExactString: Int] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            for word in splitter.apply([AlignedText(line + "\n", offset: 0)], isFirst: true) { counts[ExactString(word.string), default: 0] += 1 }
        }
        var tokens = specialTokens + ByteAlphabet.scalarOfByte.map { String($0) }.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
        let idOfScalar = Dictionary(uniqueKeysWithValues: tokens.enumerated().dropFirst(specialTokens.count).map { (ExactString($1), $0) })
        // The same words in the same order every time: dictionaries of Swift have none.
        let ordered = counts.sorted { $0.key.text.unicodeScalars.lexicographicallyPrecedes($1.key.text.unicodeScalars) }
        var words = ordered.map { entry in (ids: entry.key.text.unicodeScalars.map { idOfScalar[ExactString(String($0))] ?? 0 }, count: entry.value) }
        var pairCounts: [Pair: Int] = [:]
        var wordsOfPair: [Pair: Set<Int>] = [:]
        for (index, word) in words.enumerated() {
            for (left, right) in zip(word.ids, word.ids.dropFirst()) {
                pairCounts[Pair(left: left, right: right), default: 0] += word.count
                wordsOfPair[Pair(left: left, right: right), default: []].insert(index)
            }
        }
        var merges: [JSONNode] = []
        while tokens.count < vocabularySize {
            let best = pairCounts.max { ($0.value, $1.key.left, $1.key.right) < ($1.value, $0.key.left, $0.key.right) }
            guard let best, best.value > 1 else { break }
            let pair = best.key
            let merged = tokens.count
            merges.append([JSONNode(tokens[pair.left]), JSONNode(tokens[pair.right])])
            tokens.append(tokens[pair.left] + tokens[pair.right])
            for index in wordsOfPair[pair] ?? [] {
                let old = words[index]
                for (left, right) in zip(old.ids, old.ids.dropFirst()) { pairCounts[Pair(left: left, right: right), default: 0] -= old.count }
                var ids: [Int] = []
                var position = 0
                while position < old.ids.count {
                    if position + 1 < old.ids.count, old.ids[position] == pair.left, old.ids[position + 1] == pair.right {
                        ids.append(merged)
                        position += 2
                    } else {
                        ids.append(old.ids[position])
                        position += 1
                    }
                }
                words[index].ids = ids
                for (left, right) in zip(ids, ids.dropFirst()) {
                    pairCounts[Pair(left: left, right: right), default: 0] += old.count
                    wordsOfPair[Pair(left: left, right: right), default: []].insert(index)
                }
            }
            pairCounts[pair] = nil
            wordsOfPair[pair] = nil
        }
        let byteLevel: JSONNode = ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true]
        return [
            "version": "1.0", "truncation": nil, "padding": nil,
            "added_tokens": JSONNode(
                specialTokens.enumerated().map { index, content in
                    [
                        "id": JSONNode(index), "content": JSONNode(content), "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
                    ]
                }),
            "normalizer": nil, "pre_tokenizer": byteLevel, "post_processor": byteLevel, "decoder": byteLevel,
            "model": [
                "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": false,
                "vocab": JSONNode(tokens.enumerated().map { JSONMember($1, JSONNode($0)) }), "merges": JSONNode(merges),
            ],
        ]
    }
}
