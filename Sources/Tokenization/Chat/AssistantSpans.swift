import JSON
import Templates

/// Finds what the assistant says in a rendered conversation.
///
/// No common template marks it, so it follows from rendering parts of the conversation. A turn
/// begins where the prompt that asks for it ends, and ends with its end-of-turn token in the
/// rendering of the conversation up to and including it. Some templates show a turn otherwise once
/// others follow (they drop its reasoning), or ask for an answer otherwise than they show one; then
/// the turn is found by rendering the whole twice with other words in its place: what differs is
/// the turn's text. Of a long conversation all turns are found by one such rendering where that is
/// possible (``TurnFrames``).
struct AssistantSpans {
    let encoder: ChatEncoder
    let conversation: Conversation
    let messages: [JSONNode]
    let whole: Template.Rendering
    private let bytes: [UInt8]

    init(_ encoder: ChatEncoder, _ conversation: Conversation, _ whole: Template.Rendering) {
        self.encoder = encoder
        self.conversation = conversation
        self.whole = whole
        messages = conversation.messages.array ?? []
        bytes = Array(whole.text.utf8)
    }

    /// A turn of the assistant's, or a part of it, in the rendered text.
    struct Span {
        /// The message's place in the conversation.
        var turn: Int
        /// Bytes of the rendered text.
        var range: Range<Int>
    }

    /// Where the rendered text holds what the assistant says, one span or more a turn, in the order
    /// of the text.
    /// - Parameter turns: indices of the messages that count, in ascending order.
    func spans(of turns: [Int]) throws(ChatError) -> [Span] {
        var result: [Span] = []
        let frames =
            whole.generationSpans.isEmpty && messages.count >= encoder.fewestFramedMessages
            ? TurnFrames(encoder, conversation, messages, bytes) : nil
        for turn in turns {
            if !whole.generationSpans.isEmpty {
                result += try markedRanges(of: turn).map { Span(turn: turn, range: $0) }
            } else if let frames, frames.showsPrompt || !hasMore(messages[turn]),
                let range = range(of: turn, in: frames)
            {
                result.append(Span(turn: turn, range: range))
            } else {
                result.append(Span(turn: turn, range: try range(of: turn)))
            }
        }
        // Two turns may not claim the same words.
        for (earlier, later) in zip(result, result.dropFirst()) where later.range.lowerBound < earlier.range.upperBound {
            throw .spanNotFound(message: turns.first { messages[$0]["role"]?.string == "assistant" } ?? 0)
        }
        return result
    }

    /// What stands inside the template's own marks: those that the conversation has with the turn
    /// and not without it.
    private func markedRanges(of turn: Int) throws(ChatError) -> [Range<Int>] {
        let turns = messages.indices.filter { messages[$0]["role"]?.string == "assistant" }
        if whole.generationSpans.count == turns.count, let place = turns.firstIndex(of: turn) { return [whole.generationSpans[place]] }
        let before = try encoder.rendering(conversation.prefix(turn), false).generationSpans.count
        let including =
            turn == messages.count - 1
            ? whole.generationSpans.count : try encoder.rendering(conversation.prefix(turn + 1), false).generationSpans.count
        guard before < including, including <= whole.generationSpans.count else { throw .spanNotFound(message: turn) }
        return Array(whole.generationSpans[before..<including])
    }

    /// A turn's range from where the messages' texts stand; nil where that does not tell.
    private func range(of turn: Int, in frames: TurnFrames) -> Range<Int>? {
        guard let start = frames.start(of: turn) else { return nil }
        if turn == messages.count - 1 {
            let end = endOfTurn(in: bytes[start...])
            return start < end ? start..<end : nil
        }
        guard let next = frames.next(behind: turn) else { return nil }
        let end: Int
        if let place = frames.places[turn] {
            end = firstEndToken(from: place.upperBound, before: next)
            guard end > place.upperBound else { return nil }
        } else {
            end = endOfTurn(in: bytes[start..<next])
        }
        return start < end && end < next ? start..<end : nil
    }

    private func range(of turn: Int) throws(ChatError) -> Range<Int> {
        var frame: Frame??
        /// The turn's surroundings, found once.
        func surroundings() -> Frame? {
            if let known = frame { return known }
            let found = self.frame(of: turn)
            frame = .some(found)
            return found
        }
        let start: Int
        let prompt = (try? encoder.rendering(conversation.prefix(turn), true).text.utf8).map { Array($0) }
        if let prompt, bytes.starts(with: prompt) {
            start = prompt.count
        } else if hasMore(messages[turn]), let prompt, let shared = sharedStart(of: turn, prompt), shared <= surroundings()?.start ?? .max {
            start = shared
        } else {
            guard let frame = surroundings() else { throw .spanNotFound(message: turn) }
            start = frame.start
        }
        var end: Int?
        if turn == messages.count - 1 {
            end = start < bytes.count ? endOfTurn(in: bytes[start...]) : bytes.count
        } else if let including = try? encoder.rendering(conversation.prefix(turn + 1), false).text.utf8 {
            let including = Array(including)
            if including.count > start {
                let candidate = endOfTurn(in: including[start...])
                if candidate > start, bytes.starts(with: including[..<candidate]) { end = candidate }
            }
        }
        if end == nil, let frame = surroundings(), frame.end >= start {
            let found = firstEndToken(from: frame.end, before: nextMessage(behind: turn))
            // Where nothing says that the turn ends, it ends with its text; but what it holds
            // besides may come behind that.
            if found > frame.end || !hasMore(messages[turn]) { end = found }
        }
        if end == nil, turn + 1 < messages.count, let next = self.frame(of: turn + 1), next.start > start {
            // The turn ends with the last end-of-turn token before the text of the next message.
            let candidate = endOfTurn(in: bytes[start..<next.start])
            if candidate < next.start { end = candidate }
        }
        guard let end, start < end else { throw .spanNotFound(message: turn) }
        return start..<end
    }

    /// Whether a message holds more than its text: then the turn may begin before that.
    private func hasMore(_ message: JSONNode) -> Bool {
        ["tool_calls", "reasoning_content", "thinking", "reasoning"].contains { message[$0].map { !$0.isNull } ?? false }
    }

    /// Where a turn begins that is asked for otherwise than it is shown: behind the tokens of the
    /// prompt that it has all the same, such as the speaker's name.
    private func sharedStart(of turn: Int, _ prompt: [UInt8]) -> Int? {
        guard let before = try? encoder.rendering(conversation.prefix(turn), false).text.utf8, prompt.starts(with: before),
            bytes.starts(with: before)
        else {
            return nil
        }
        let length = before.count
        let asked = encoder.tokenizer.encodeWithRanges(String(decoding: prompt[length...], as: UTF8.self), addSpecialTokens: false)
        let shown = encoder.tokenizer.encodeWithRanges(
            String(decoding: bytes[length...].prefix(prompt.count - length + 64), as: UTF8.self), addSpecialTokens: false)
        let shared = zip(asked, shown).prefix { $0.0.id == $0.1.id }.last?.0.range.upperBound ?? 0
        return shared > 0 ? length + shared : nil
    }

    // MARK: By other words in the turn's place

    private struct Frame {
        /// Where the turn's text begins and ends in the whole.
        var start: Int
        var end: Int
    }

    /// Two texts that share no beginning and no end, and that no template takes apart.
    private static let words = ("Kqv7Xw9b", "Jzm4Rt2d")

    private func frame(of message: Int) -> Frame? {
        guard let first = conversation.replacingContent(of: message, by: Self.words.0),
            let second = conversation.replacingContent(of: message, by: Self.words.1),
            let a = try? Array(encoder.rendering(first, false).text.utf8), let b = try? Array(encoder.rendering(second, false).text.utf8)
        else { return nil }
        let start = Self.commonPrefix(a, b)
        let behind = Self.commonPrefix(a.reversed(), b.reversed())
        // Nothing differs: the template does not show the text. More differs than the words: it
        // does something else with it.
        guard start < a.count, a.count - start - behind == Self.words.0.utf8.count, bytes.count >= start + behind,
            bytes.starts(with: a[..<start]), bytes.suffix(behind).elementsEqual(a.suffix(behind))
        else { return nil }
        return Frame(start: start, end: bytes.count - behind)
    }

    /// Where the text of the message behind a turn begins, if it can be found.
    private func nextMessage(behind turn: Int) -> Int {
        turn + 1 < messages.count ? frame(of: turn + 1)?.start ?? bytes.count : bytes.count
    }

    /// The end of the first end-of-turn token behind a place; the place itself where there is none
    /// before the limit.
    private func firstEndToken(from place: Int, before limit: Int) -> Int {
        guard place < limit else { return place }
        let (text, start) = Self.text(of: bytes[place..<limit])
        let token = encoder.tokenizer.encodeWithRanges(text, addSpecialTokens: false).first { encoder.endIDs.contains($0.id) }
        return token.map { min(limit, start + $0.range.upperBound) } ?? place
    }

    // MARK: End-of-turn tokens

    /// Where the last turn of a text ends: behind its end-of-turn token. What a template writes
    /// behind that (a line end, an end-of-text) is not the assistant's.
    private func endOfTurn(in bytes: ArraySlice<UInt8>) -> Int {
        let (text, start) = Self.text(of: bytes)
        /// Where a place of the text is; a character that is cut off at the end is longer there.
        func place(_ offset: Int) -> Int { min(bytes.endIndex, start + offset) }
        let ends = encoder.tokenizer.encodeWithRanges(text, addSpecialTokens: false).filter { encoder.endIDs.contains($0.id) }
        guard var chosen = ends.last else { return bytes.endIndex }
        // Of several end tokens one behind the other the first ends the turn.
        for token in ends.dropLast().reversed() {
            let from = place(token.range.upperBound)
            let to = max(from, place(chosen.range.lowerBound))
            guard bytes[from..<to].allSatisfy({ $0 == 0x0A || $0 == 0x20 || $0 == 0x0D }) else { break }
            chosen = token
        }
        // An end token's text may include white space that it swallows: the token counts, so all of
        // its range does.
        return place(chosen.range.upperBound)
    }

    /// The text of bytes that may begin inside of a character, as a turn does whose first token is
    /// a part of one, and where it begins. Decoded as they are, such bytes would become longer, and
    /// every place behind them wrong.
    private static func text(of bytes: ArraySlice<UInt8>) -> (text: String, start: Int) {
        let whole = bytes.drop { $0 & 0xC0 == 0x80 }
        return (String(decoding: whole, as: UTF8.self), whole.startIndex)
    }

    private static func commonPrefix(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Int {
        zip(a, b).prefix { $0 == $1 }.count
    }
}
