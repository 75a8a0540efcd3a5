public import JSON
import Glibc
import Foundation

/// A tokenizer as tokenizer.json describes it: text to token ids and back, equal to the reference library `tokenizers`.
public final class Tokenizer: Sendable {
    /// One token and the bytes of the text that it stands for.
    public struct Token: Sendable, Hashable {
        public var id: Int32
        /// A range of UTF-8 bytes of the text; empty for tokens that were added around it.
        public var range: Range<Int>
    }
    private let normalizer: Normalizer
    private let preTokenizer: PreTokenizer
    private let decoder: TextDecoder
    private let model: BytePairModel
    private let added: AddedTokens
    private let addedByID: [Int32: AddedTokens.Token]
    private let addedByContent: [ExactString: Int32]
    private let before: [Int32]
    private let after: [Int32]

    /// One past the largest token id.
    public let vocabularySize: Int

    /// Reads `tokenizer.json` in a model folder.
    /// - Throws: ``TokenizerError`` naming the component that is not known or wrong.
    public convenience init(folder: String) throws(TokenizerError) {
        let path = folder + "/tokenizer.json"
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw TokenizerError(file: path, "cannot be opened: \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count >= 0 else { throw TokenizerError(file: path, "cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= 256 << 20 else { throw TokenizerError(file: path, "is larger than 256 MiB") }
        }
        try self.init(bytes: bytes, file: path)
    }

    /// - Parameter file: the name that errors give.
    public convenience init(bytes: [UInt8], file: String = "tokenizer.json") throws(TokenizerError) {
        let node: JSONNode
        do throws(JSONError) { node = try JSONParser().parse(bytes) } catch {
            let place = JSONPosition(of: error.offset, in: bytes)
            throw TokenizerError(file: file, "line \(place.line), column \(place.column): \(error)")
        }
        try self.init(json: node, file: file)
    }

    public init(json: JSONNode, file: String = "tokenizer.json") throws(TokenizerError) {
        let reader = TokenizerReader(file: file)
        guard json.object != nil else { throw TokenizerError(file: file, "holds \(json.kindName), not an object") }
        normalizer = try reader.normalizer(json["normalizer"], "normalizer")
        preTokenizer = try reader.preTokenizer(json["pre_tokenizer"], "pre_tokenizer")
        decoder = try reader.decoder(json["decoder"], "decoder")
        model = try reader.model(json["model"])
        let tokens = try reader.addedTokens(json["added_tokens"])
        added = AddedTokens(tokens)
        addedByID = Dictionary(tokens.map { ($0.id, $0) }) { _, last in last }
        addedByContent = Dictionary(tokens.map { (ExactString($0.content), $0.id) }) { _, last in last }
        (before, after) = try reader.template(json["post_processor"], "post_processor")
        let largest = max(model.tokenOfID.keys.max() ?? -1, tokens.map(\.id).max() ?? -1)
        vocabularySize = Int(largest) + 1
    }

    /// The id of a token by its text, among added tokens and the vocabulary.
    public func id(of token: String) -> Int32? { addedByContent[ExactString(token)] ?? model.idOfToken[ExactString(token)] }

    /// The text of a token as the vocabulary has it.
    public func token(of id: Int32) -> String? { addedByID[id]?.content ?? model.tokenOfID[id] }

    /// Whether a token is one of those that decoding may skip.
    public func isSpecial(_ id: Int32) -> Bool { addedByID[id]?.isSpecial ?? false }

    /// Whether a token was added to the vocabulary and is found in text as it is.
    public func isAdded(_ id: Int32) -> Bool { addedByID[id] != nil }

    public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
        encodeWithRanges(text, addSpecialTokens: addSpecialTokens).map(\.id)
    }

    /// The tokens of a text, each with the range of UTF-8 bytes that it stands for.
    public func encodeWithRanges(_ text: String, addSpecialTokens: Bool = true) -> [Token] {
        var tokens = addSpecialTokens ? before.map { Token(id: $0, range: 0..<0) } : []
        let whole = AlignedText(text[...], offset: 0)
        var isFirst = true
        var cache: [ExactString: [BytePairModel.Symbol]] = [:]
        for part in added.split(whole.scalars, normalized: false) {
            switch part {
            case .token(let token, let range): tokens.append(Token(id: token.id, range: whole.starts[range.lowerBound]..<whole.ends[range.upperBound - 1]))
            case .text(let range):
                let normalized = normalizer.apply(range == 0..<whole.count ? whole : whole.slice(range))
                for inner in added.split(normalized.scalars, normalized: true) {
                    switch inner {
                    case .token(let token, let range):
                        tokens.append(Token(id: token.id, range: normalized.starts[range.lowerBound]..<normalized.ends[range.upperBound - 1]))
                    case .text(let range):
                        let piece = range == 0..<normalized.count ? normalized : normalized.slice(range)
                        for word in preTokenizer.apply([piece], isFirst: isFirst) { append(word, &cache, to: &tokens) }
                    }
                    isFirst = false
                }
            }
            isFirst = false
        }
        if addSpecialTokens { tokens += after.map { Token(id: $0, range: text.utf8.count..<text.utf8.count) } }
        return tokens
    }

    private func append(_ word: AlignedText, _ cache: inout [ExactString: [BytePairModel.Symbol]], to tokens: inout [Token]) {
        let symbols: [BytePairModel.Symbol]
        if word.count <= 32 {
            let key = ExactString(word.string)
            if let known = cache[key] { symbols = known } else {
                symbols = model.encode(word.scalars)
                if cache.count < 10_000 { cache[key] = symbols }
            }
        } else {
            symbols = model.encode(word.scalars)
        }
        for symbol in symbols where symbol.first < symbol.end {
            tokens.append(Token(id: symbol.id, range: word.starts[symbol.first]..<max(word.starts[symbol.first], word.ends[symbol.end - 1])))
        }
    }

    /// The text that tokens stand for; ids that are not in the vocabulary are passed over.
    public func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
        var texts: [String] = []
        for id in ids {
            if let token = addedByID[id] {
                if !(skipSpecialTokens && token.isSpecial) { texts.append(token.content) }
            } else if let text = model.tokenOfID[id] {
                texts.append(text)
            }
        }
        if case .nothing = decoder { return texts.joined(separator: " ") }
        return decoder.apply(texts).joined()
    }
}
