import Constraints
import JSON
import Tokenization

/// Finds how a chat template writes calls of tools, by rendering some and comparing.
struct CallFormFinder {
    private let encoder: ChatEncoder
    private let reviews: TemplateReviews

    init(_ encoder: ChatEncoder, _ reviews: TemplateReviews) { (self.encoder, self.reviews) = (encoder, reviews) }

    /// Words that no template holds. Ids have nine letters and digits: some templates ask for that.
    private static let names = ["functionQzxa", "functionQzxb"]
    private static let values = ["valueQzxa", "valueQzxb"]
    private static let key = "keyQzx"
    private static let identifiers = ["abcDEF123", "ghiJKL456"]

    private static let question: JSONNode = ["role": "user", "content": "A question"]
    private static let tools: JSONNode = JSONNode(
        names.map { name in
            [
                "type": "function",
                "function": [
                    "name": JSONNode(name), "description": "A function",
                    "parameters": [
                        "type": "object", "properties": JSONNode([JSONMember(key, ["type": "string", "description": "A key"])]),
                        "required": JSONNode([JSONNode(key)]),
                    ],
                ],
            ]
        })

    private static func answer(_ count: Int) -> JSONNode {
        let calls = (0..<count).map { index -> JSONNode in
            [
                "id": JSONNode(identifiers[index]), "type": "function",
                "function": [
                    "name": JSONNode(names[index]),
                    "arguments": JSONNode(JSONWriter().string(JSONNode([JSONMember(key, JSONNode(values[index]))]))),
                ],
            ]
        }
        return ["role": "assistant", "content": "", "tool_calls": JSONNode(calls)]
    }

    /// A rendered conversation behind which the model is asked, or nil where the template refuses.
    private func rendered(_ messages: [JSONNode], asks: Bool) -> [UInt8]? {
        var conversation = Conversation(messages: JSONNode(messages), tools: Self.tools)
        if let review = try? reviews.review(of: conversation) { conversation.form = review.form }
        return (try? encoder.render(conversation, addGenerationPrompt: asks)).map { Array($0.utf8) }
    }

    /// - Returns: nil where the template shows no tools, or no calls in JSON.
    func find() -> CallForm? {
        guard let asked = rendered([Self.question], asks: true), let text = rendered([Self.question, Self.answer(1)], asks: false),
            Self.first(Self.names[0], in: asked, from: 0) != nil
        else { return nil }
        let common = zip(asked, text).prefix { $0 == $1 }.count
        guard let call = Self.call(0, in: text, from: common), Self.first(Self.names[0], in: text, from: call.name.upperBound) == nil else {
            return nil
        }
        let middle = Self.pieces(text[call.name.upperBound..<call.arguments.lowerBound])
        let closing = Self.pieces(text[call.arguments.upperBound..<end(of: text, from: call.arguments.upperBound)])
        var opening = text[common..<call.name.lowerBound]
        while opening.first == 10 { opening = opening.dropFirst() }
        guard !opening.isEmpty, case .text(let first)? = Self.pieces(opening).first else { return nil }
        let trigger = Self.trigger(first)
        return CallForm(
            opening: Self.pieces(opening), middle: middle, between: between(from: common, middle: middle, closing: closing),
            closing: closing,
            trigger: trigger.bytes, isOnlyAtStart: trigger.isOnlyAtStart)
    }

    /// What stands between two calls; nil where the template shows one alone.
    private func between(from common: Int, middle: [CallForm.Piece], closing: [CallForm.Piece]) -> [CallForm.Piece]? {
        guard let text = rendered([Self.question, Self.answer(2)], asks: false), let first = Self.call(0, in: text, from: common),
            let second = Self.call(1, in: text, from: first.arguments.upperBound)
        else { return nil }
        let between = text[first.arguments.upperBound..<second.name.lowerBound]
        let last = Self.pieces(text[second.arguments.upperBound..<end(of: text, from: second.arguments.upperBound)])
        guard Self.pieces(text[second.name.upperBound..<second.arguments.lowerBound]) == middle, last == closing,
            end(of: text, from: first.arguments.upperBound) >= second.name.lowerBound
        else { return nil }
        return Self.pieces(between)
    }

    /// Where the first end token behind a place begins, or the text ends without white space.
    private func end(of text: [UInt8], from start: Int) -> Int {
        let ends = encoder.endIDs.union(encoder.specialTokens.stopIDs).compactMap { encoder.tokenizer.token(of: $0) }
        if let end = ends.compactMap({ Self.first($0, in: text, from: start)?.lowerBound }).min() { return end }
        var end = text.count
        while end > start, text[end - 1] == 10 || text[end - 1] == 32 { end -= 1 }
        return end
    }

    /// Name and arguments of one of the calls.
    private static func call(_ index: Int, in text: [UInt8], from start: Int) -> (name: Range<Int>, arguments: Range<Int>)? {
        guard let name = first(names[index], in: text, from: start), let key = first(key, in: text, from: name.upperBound),
            let value = first(values[index], in: text, from: key.upperBound),
            let open = text[name.upperBound..<key.lowerBound].lastIndex(of: 0x7B),
            let close = text[value.upperBound...].firstIndex(of: 0x7D),
            let parsed = try? JSONParser().parse(Array(text[open...close])), parsed[Self.key]?.string == values[index]
        else { return nil }
        return (name, open..<close + 1)
    }

    /// The part of a call's beginning that tells it from other text: what stands before its JSON.
    private static func trigger(_ opening: [UInt8]) -> (bytes: [UInt8], isOnlyAtStart: Bool) {
        var bytes = opening.prefix { $0 != 0x7B && $0 != 10 }
        while let last = bytes.last, last == 32, bytes.contains(where: { $0 != 32 }) { bytes.removeLast() }
        let isTelling = bytes.contains { $0 > 32 } && bytes.count > 2
        return isTelling ? (Array(bytes), false) : (opening, true)
    }

    private static func pieces(_ bytes: ArraySlice<UInt8>) -> [CallForm.Piece] {
        let found = identifiers.compactMap { first($0, in: Array(bytes), from: 0) }.first
        guard let found else { return bytes.isEmpty ? [] : [.text(Array(bytes))] }
        let (start, end) = (bytes.startIndex + found.lowerBound, bytes.startIndex + found.upperBound)
        return pieces(bytes[..<start]) + [.identifier(length: found.count)] + pieces(bytes[end...])
    }

    private static func first(_ word: String, in text: [UInt8], from start: Int) -> Range<Int>? {
        let word = Array(word.utf8)
        guard !word.isEmpty, text.count - start >= word.count else { return nil }
        return (start...text.count - word.count).first { text[$0..<$0 + word.count].elementsEqual(word) }.map { $0..<$0 + word.count }
    }
}
