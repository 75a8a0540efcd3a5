package import JSON
import Glibc
import Synchronization

/// A tokenizer as tokenizer.json describes it: text to token ids and back, equal to the reference
/// library `tokenizers`.
///
/// Safe to use from many threads at once; each call takes room and a cache of words from a pool.
package final class Tokenizer: Sendable {
    /// One token and the bytes of the text that it stands for.
    package struct Token: Sendable, Hashable {
        package var id: Int32
        /// A range of UTF-8 bytes of the text; empty for tokens that were added around it.
        package var range: Range<Int>
    }
    private let normalizer: Normalizer
    private let preTokenizer: PreTokenizer
    private let postProcessor: PostProcessor
    private let decoder: TextDecoder
    private let model: TokenizerModel
    /// Sentencepiece's space, where a word may be cut before it.
    private let boundary: [UInt8]?
    private let added: AddedTokens
    private let addedByID: [Int32: AddedTokens.Token]
    private struct AddedText: Sendable {
        var text: String
        var isSpecial: Bool
    }
    /// What decoding writes for an added token.
    private let addedTexts: [Int32: AddedText]
    private let addedByContent: [ExactString: Int32]
    /// Whether the texts of special tokens are always text as any other: `split_special_tokens` of
    /// tokenizer_config.json.
    private let splitsSpecialTokens: Bool
    private let states = Mutex<StatePool>(StatePool())

    // invariant: a state is in the pool or with one call, never both, so handing it from thread to
    // thread is safe.
    private struct StatePool: @unchecked Sendable { var free: [EncodingState] = [] }

    /// One past the largest token id.
    package let vocabularySize: Int

    /// Reads `tokenizer.json` in a model folder, as transformers uses it: with what the files
    /// beside it say (``TokenizerSettings``).
    /// - Throws: ``TokenizerError`` naming the component that is not known or wrong.
    package convenience init(folder: String) throws(TokenizerError) { try self.init(TokenizerTexts(folder: folder)) }

    /// Reads `tokenizer.json` among a model's texts, as transformers uses it: with what those
    /// beside it say (``TokenizerSettings``).
    /// - Throws: ``TokenizerError`` naming the component that is not known or wrong.
    package convenience init(_ texts: TokenizerTexts) throws(TokenizerError) {
        if texts.isFolder { try TokenizerFiles.require(in: texts.path) }
        let file = texts.place("tokenizer.json")
        guard let bytes = try texts.contents("tokenizer.json") else { throw TokenizerError(file: file, "is missing") }
        let settings = try TokenizerSettings(texts)
        try self.init(
            json: try settings.applied(to: try TokenizerTexts.parsed(bytes, file: file)), file: file,
            splitsSpecialTokens: try settings.splitsSpecialTokens())
    }

    /// Reads a file in the form of `tokenizer.json`.
    /// - Throws: ``TokenizerError`` naming the component that is not known or wrong.
    package convenience init(path: String) throws(TokenizerError) {
        try self.init(bytes: try TokenizerReader.contents(of: path), file: path)
    }

    /// - Parameter file: the name that errors give.
    package convenience init(bytes: [UInt8], file: String = "tokenizer.json") throws(TokenizerError) {
        try self.init(json: try TokenizerTexts.parsed(bytes, file: file), file: file)
    }

    /// - Parameter splitsSpecialTokens: the texts of special tokens are text as any other.
    package init(json: JSONNode, file: String = "tokenizer.json", splitsSpecialTokens: Bool = false) throws(TokenizerError) {
        self.splitsSpecialTokens = splitsSpecialTokens
        let reader = TokenizerReader(file: file)
        guard json.object != nil else { throw TokenizerError(file: file, "holds \(json.kindName), not an object") }
        let normalizer = try reader.normalizer(json["normalizer"], "normalizer")
        let preTokenizer = try reader.preTokenizer(json["pre_tokenizer"], "pre_tokenizer")
        decoder = try reader.decoder(json["decoder"], "decoder")
        let endsInBytes = preTokenizer.endsInBytes
        model = try reader.model(json["model"], endsInBytes: endsInBytes)
        if case .bytePair(let bytePair) = model {
            self.preTokenizer = bytePair.takesBytes ? preTokenizer.withoutMappingLast : preTokenizer
            boundary = bytePair.boundary
        } else {
            self.preTokenizer = preTokenizer
            boundary = nil
        }
        self.normalizer = normalizer
        let tokens = try reader.addedTokens(json["added_tokens"], model.vocabulary)
        func normalized(_ text: String) -> String { normalizer.apply(AlignedText(Array(text.utf8), base: 0, tracksPlaces: false)).string }
        added = AddedTokens(tokens, normalize: normalized)
        // A token that is looked for in normalised text is also written so; it counts as special by
        // that text.
        let special = Set(tokens.filter(\.isSpecial).map { ExactString($0.content) })
        addedTexts = Dictionary(
            tokens.map { token in
                let text = token.isNormalized ? normalized(token.content) : token.content
                return (token.id, AddedText(text: text, isSpecial: special.contains(ExactString(text))))
            }
        ) { _, last in last }
        addedByID = Dictionary(tokens.map { ($0.id, $0) }) { _, last in last }
        addedByContent = Dictionary(tokens.map { (ExactString($0.content), $0.id) }) { _, last in last }
        postProcessor = try reader.postProcessor(json["post_processor"], "post_processor")
        vocabularySize = Int(max(model.vocabulary.largestID, tokens.map(\.id).max() ?? -1)) + 1
    }

    /// The id of a token by its text, among added tokens and the vocabulary.
    package func id(of token: String) -> Int32? { addedByContent[ExactString(token)] ?? model.vocabulary.id(of: token) }

    /// The text of a token as the vocabulary has it.
    package func token(of id: Int32) -> String? { addedByID[id]?.content ?? model.vocabulary.text(of: id) }

    /// Whether a token is one of those that decoding may skip.
    package func isSpecial(_ id: Int32) -> Bool { addedByID[id]?.isSpecial ?? false }

    /// All tokens that were added to the vocabulary.
    var addedTokens: [AddedTokens.Token] { added.tokens }

    /// Whether a token was added to the vocabulary and is found in text as it is.
    package func isAdded(_ id: Int32) -> Bool { addedByID[id] != nil }

    /// The tokens of a text.
    package func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
        encoded(text, addSpecialTokens, wantsRanges: false).ids
    }

    /// The tokens of a text, each with the range of UTF-8 bytes that it stands for; a token that
    /// holds a part of a character has the whole character's.
    /// - Parameter asText: the texts of special tokens are text as any other.
    package func encodeWithRanges(_ text: String, addSpecialTokens: Bool = true, asText: Bool = false) -> [Token] {
        let output = encoded(text, addSpecialTokens, asText: asText, wantsRanges: true)
        return zip(output.ids, output.ranges).map { Token(id: $0, range: $1) }
    }

    /// The first special token whose text stands in a text.
    package func specialToken(in text: String) -> String? {
        var text = text
        return text.withUTF8 { added.firstSpecial(in: $0)?.content }
    }

    private func encoded(_ text: String, _ addSpecialTokens: Bool, asText: Bool = false, wantsRanges: Bool) -> TokenOutput {
        let asText = asText || splitsSpecialTokens
        var text = text
        var state = states.withLock { $0.free.popLast() } ?? EncodingState()
        defer { let used = state; states.withLock { if $0.free.count < 64 { $0.free.append(used) } } }
        return text.withUTF8 { bytes in
            var output = TokenOutput(wantsRanges: wantsRanges)
            output.ids.reserveCapacity(bytes.count / 4 + 8)
            if addSpecialTokens { append(postProcessor.before, at: 0, &output) }
            for part in added.split(bytes, normalized: false, keepsSpecial: asText) {
                if let id = part.id {
                    output.ids.append(id)
                    if wantsRanges { output.ranges.append(part.range) }
                } else {
                    let piece = AlignedText(Array(bytes[part.range]), base: part.range.lowerBound, tracksPlaces: wantsRanges)
                    encode(normalizer.apply(piece), bytes, asText, &state, &output)
                }
            }
            if addSpecialTokens { append(postProcessor.after, at: bytes.count, &output) }
            return output
        }
    }

    private func append(_ ids: [Int32], at place: Int, _ output: inout TokenOutput) {
        output.ids += ids
        if output.wantsRanges { for _ in ids { output.ranges.append(place..<place) } }
    }

    /// Text that has been normalised.
    private func encode(
        _ text: AlignedText, _ original: UnsafeBufferPointer<UInt8>, _ asText: Bool, _ state: inout EncodingState,
        _ output: inout TokenOutput
    ) {
        let parts = text.bytes.withUnsafeBufferPointer { added.split($0, normalized: true, keepsSpecial: asText) }
        for part in parts {
            if let id = part.id {
                output.ids.append(id)
                if output.wantsRanges { output.ranges.append(text.original(part.range)) }
                continue
            }
            let piece = text.slice(part.range)
            let cut = preTokenizer.apply(CutText(text: piece, pieces: [0..<piece.count]))
            let first = output.ranges.count
            cut.text.bytes.withUnsafeBufferPointer { bytes in
                for range in cut.pieces { encode(bytes, range, &state, &output) }
            }
            for index in first..<output.ranges.count {
                output.ranges[index] = Self.widened(cut.text.original(output.ranges[index]), original)
            }
        }
    }

    /// A word of the model; where the model has a boundary, the word's parts are cut alone, for no
    /// merge reaches over it.
    private func encode(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ state: inout EncodingState, _ output: inout TokenOutput)
    {
        guard let boundary, range.count > 16 else { return append(bytes, range, &state, &output) }
        var start = range.lowerBound
        var position = start
        // invariant: the boundary is U+2581, three bytes.
        while position + 3 <= range.upperBound {
            if bytes[position] == boundary[0], bytes[position + 1] == boundary[1], bytes[position + 2] == boundary[2] {
                let isBehindAnother =
                    position - 3 >= start && bytes[position - 3] == boundary[0] && bytes[position - 2] == boundary[1]
                    && bytes[position - 1] == boundary[2]
                if position > start, !isBehindAnother {
                    append(bytes, start..<position, &state, &output)
                    start = position
                }
                position += 3
            } else {
                position += 1
            }
        }
        append(bytes, start..<range.upperBound, &state, &output)
    }

    private func append(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ state: inout EncodingState, _ output: inout TokenOutput)
    {
        guard !range.isEmpty else { return }
        let word = UnsafeBufferPointer(rebasing: bytes[range])
        let isShort = word.count <= WordCache.longestWord
        if isShort, state.cache.find(word, at: range.lowerBound, into: &output) { return }
        state.scratch.symbols.removeAll(keepingCapacity: true)
        model.encode(word, &state.scratch)
        if isShort { state.cache.keep(word, state.scratch.symbols) }
        for symbol in state.scratch.symbols {
            output.ids.append(symbol.id)
            if output.wantsRanges { output.ranges.append((range.lowerBound + Int(symbol.start))..<(range.lowerBound + Int(symbol.end))) }
        }
    }

    /// The range with the whole of the characters that it cuts.
    private static func widened(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= bytes.count else { return range }
        var (start, end) = (range.lowerBound, range.upperBound)
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return start..<end
    }

    /// The text that tokens stand for; ids that are not in the vocabulary are passed over.
    package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
        var texts: [String] = []
        texts.reserveCapacity(ids.count)
        for id in ids {
            if let token = addedTexts[id] {
                if !(skipSpecialTokens && token.isSpecial) { texts.append(token.text) }
            } else if let text = model.vocabulary.text(of: id) {
                texts.append(text)
            }
        }
        if case .nothing = decoder { return texts.joined(separator: " ") }
        return decoder.apply(texts).joined()
    }
}
