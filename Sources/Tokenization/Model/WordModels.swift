/// The longest pieces of a word from its beginning on (Schuster and Nakajima 2012), as BERT cuts.
final class WordPieceModel: Sendable {
    let vocabulary: Vocabulary
    private let unknownID: Int32
    private let continuingPrefix: String
    private let characterLimit: Int

    init(_ vocabulary: Vocabulary, unknownToken: String, continuingPrefix: String, characterLimit: Int) throws(TokenizerModelError) {
        guard let unknownID = vocabulary.id(of: unknownToken) else {
            throw TokenizerModelError(field: "unk_token", message: "\"\(unknownToken)\" is not in the vocabulary")
        }
        self.vocabulary = vocabulary
        self.unknownID = unknownID
        self.continuingPrefix = continuingPrefix
        self.characterLimit = characterLimit
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch) {
        let first = scratch.symbols.count
        let unknown = Symbol(id: unknownID, start: 0, end: Int32(truncatingIfNeeded: word.count))
        if word.reduce(0, { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }) > characterLimit { return scratch.symbols.append(unknown) }
        var start = 0
        while start < word.count {
            var end = word.count
            var found: Int32?
            while end > start {
                let text = (start > 0 ? continuingPrefix : "") + String(decoding: word[start..<end], as: UTF8.self)
                found = vocabulary.id(of: text)
                if found != nil { break }
                end = UTF8Scalars.before(word, end, start)
            }
            guard let found else {
                scratch.symbols.removeLast(scratch.symbols.count - first)
                return scratch.symbols.append(unknown)
            }
            scratch.symbols.append(Symbol(id: found, start: Int32(truncatingIfNeeded: start), end: Int32(truncatingIfNeeded: end)))
            start = end
        }
    }
}

/// Whole words only.
final class WordLevelModel: Sendable {
    let vocabulary: Vocabulary
    private let unknownID: Int32?

    init(_ vocabulary: Vocabulary, unknownToken: String) {
        self.vocabulary = vocabulary
        unknownID = vocabulary.id(of: unknownToken)
    }

    func encode(_ word: UnsafeBufferPointer<UInt8>, _ scratch: inout EncodingScratch) {
        guard let id = vocabulary.id(of: String(decoding: word, as: UTF8.self)) ?? unknownID else { return }
        scratch.symbols.append(Symbol(id: id, start: 0, end: Int32(truncatingIfNeeded: word.count)))
    }
}
