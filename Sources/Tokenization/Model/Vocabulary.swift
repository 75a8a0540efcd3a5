/// The tokens of a model: texts and ids.
final class Vocabulary: Sendable {
    let ids: [ExactString: Int32]
    private let texts: [String?]
    private let sparseTexts: [Int32: String]
    /// -1 where there are no tokens.
    let largestID: Int32

    /// - Parameter ids: no id twice.
    init(_ ids: [ExactString: Int32]) {
        self.ids = ids
        largestID = ids.values.max() ?? -1
        if Int(largestID) < 4 * ids.count + 1024 {
            var texts = [String?](repeating: nil, count: Int(largestID) + 1)
            for (text, id) in ids { texts[Int(id)] = text.text }
            self.texts = texts
            sparseTexts = [:]
        } else {
            texts = []
            sparseTexts = Dictionary(ids.map { ($1, $0.text) }) { first, _ in first }
        }
    }

    func id(of text: String) -> Int32? { ids[ExactString(text)] }

    func text(of id: Int32) -> String? {
        if texts.isEmpty { return sparseTexts[id] }
        return id >= 0 && Int(id) < texts.count ? texts[Int(id)] : nil
    }
}

/// A part of a word that became a token.
struct Symbol {
    var id: Int32
    /// Bytes of the word that it covers.
    var start: Int32
    var end: Int32
}

/// Room that encoding uses again and again.
struct EncodingScratch {
    var symbols: [Symbol] = []
    var pairs: [UInt64] = []
    var next: [Int32] = []
    var previous: [Int32] = []
    var heap: [UInt64] = []
    var scores: [(score: Double, start: Int32, id: Int32)] = []
}

/// Cuts a word into tokens: the `model` of tokenizer.json.
enum TokenizerModel: Sendable {
    case bytePair(BytePairModel)
    case unigram(UnigramModel)
    case wordPiece(WordPieceModel)
    case wordLevel(WordLevelModel)

    var vocabulary: Vocabulary {
        switch self {
        case .bytePair(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        case .wordPiece(let model): model.vocabulary
        case .wordLevel(let model): model.vocabulary
        }
    }

    /// Appends the word's tokens to `scratch.symbols`.
    func encode(_ word: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch) {
        switch self {
        case .bytePair(let model): model.encode(word, &scratch)
        case .unigram(let model): model.encode(word, &scratch)
        case .wordPiece(let model): model.encode(word, &scratch)
        case .wordLevel(let model): model.encode(word, &scratch)
        }
    }
}

struct TokenizerModelError: Error {
    /// The part of `model` that is wrong, for example `merges[3]`; nil for the model as such.
    var field: String?
    var message: String
}
