import JSON
import Templates

/// Where the messages of a long conversation stand in its rendered text, from one more rendering
/// instead of two for every turn.
///
/// That rendering has a word of its own in the place of every message's text. It says what the
/// template writes between the texts, and what is between them in the true text must then be the
/// messages' own: the whole text has to come out byte for byte, or nothing is found and every turn
/// is looked for alone.
struct TurnFrames {
    /// The bytes of each message's text in the whole; nil for messages that have no text of their
    /// own to replace.
    let places: [Range<Int>?]
    /// What asks for an answer: where the assistant's turns begin, behind it.
    private let prompt: [UInt8]
    /// What the template writes between that and the text; nil where it asks for an answer
    /// otherwise than it shows one, and a turn begins with its text.
    private let lead: [UInt8]?
    private let bytes: [UInt8]

    /// - Returns: nil where the template does more with the texts than to show them, or where no
    ///   prompt asks for an answer.
    init?(_ encoder: ChatEncoder, _ conversation: Conversation, _ messages: [JSONNode], _ bytes: [UInt8]) {
        let speakers = messages.indices.filter { ["user", "assistant", "tool"].contains(messages[$0]["role"]?.string ?? "") }
        let answers = speakers.filter { messages[$0]["role"]?.string == "assistant" }
        // What a tool says is often shown as JSON, which a word cannot stand for.
        guard
            let places = Self.places(encoder, conversation, messages, speakers, bytes)
                ?? Self.places(encoder, conversation, messages, answers, bytes)
        else { return nil }
        guard let turn = answers.first(where: { $0 > 0 && places[$0] != nil }), let place = places[turn] else { return nil }
        let before = conversation.prefix(turn)
        guard let without = try? encoder.rendering(before, false).text.utf8, let with = try? encoder.rendering(before, true).text.utf8,
            with.count > without.count, with.starts(with: without), bytes.starts(with: without)
        else { return nil }
        let isShown = bytes.starts(with: with)
        guard !isShown || with.count <= place.lowerBound else { return nil }
        (self.places, self.bytes) = (places, bytes)
        prompt = Array(with.dropFirst(without.count))
        lead = isShown ? Array(bytes[with.count..<place.lowerBound]) : nil
    }

    /// Whether turns are shown as they are asked for.
    var showsPrompt: Bool { lead != nil }

    /// Where the assistant's turn begins; nil where it does not begin as the others.
    func start(of turn: Int) -> Int? {
        let earlier = places[..<turn].last { $0 != nil }??.upperBound ?? 0
        guard let lead else {
            guard let place = places[turn], Self.find(prompt, in: bytes[earlier..<place.upperBound]) == nil else { return nil }
            return place.lowerBound
        }
        if let place = places[turn] {
            let opening = prompt + lead
            let start = place.lowerBound - lead.count
            guard bytes[..<place.lowerBound].suffix(opening.count).elementsEqual(opening) else { return nil }
            // Nothing else of the turn, such as its reasoning, may stand before: then the prompt
            // stands there, too.
            return Self.find(prompt, in: bytes[earlier..<start]) == start - prompt.count ? start : nil
        }
        // A turn without text, such as one that calls a tool: the only prompt between its
        // neighbours.
        guard turn > 0, let before = places[turn - 1]?.upperBound, let after = next(behind: turn), before <= after,
            let found = Self.find(prompt, in: bytes[before..<after])
        else { return nil }
        return Self.find(prompt, in: bytes[(found + 1)..<after]) == nil ? found + prompt.count : nil
    }

    /// Where the text of the next message begins; the end of the text behind the last one, nil if
    /// the next has no place.
    func next(behind turn: Int) -> Int? { turn + 1 < places.count ? places[turn + 1]?.lowerBound : bytes.count }

    private static func places(
        _ encoder: ChatEncoder, _ conversation: Conversation, _ messages: [JSONNode], _ chosen: [Int], _ bytes: [UInt8]
    ) -> [Range<Int>?]? {
        var words: [(message: Int, text: String, word: String)] = []
        for index in chosen {
            guard let text = messages[index]["content"]?.string, !text.isEmpty else { continue }
            let digits = String(index)
            words.append((index, text, "Kqv7Xw" + String(repeating: "0", count: max(0, 7 - digits.utf8.count)) + digits + "b"))
        }
        let replaced = conversation.replacingContents(by: Dictionary(uniqueKeysWithValues: words.map { ($0.message, $0.word) }))
        guard !words.isEmpty, let rendering = try? encoder.rendering(replaced, false) else { return nil }
        // What the template writes before, between and behind the words.
        let frame = Array(rendering.text.utf8)
        var between: [ArraySlice<UInt8>] = []
        var start = 0
        for entry in words {
            guard let found = find(Array(entry.word.utf8), in: frame[start...]) else { return nil }
            between.append(frame[start..<found])
            start = found + entry.word.utf8.count
        }
        between.append(frame[start...])
        // The same, with the texts between it, must be the whole.
        guard bytes.starts(with: between[0]) else { return nil }
        var places = [Range<Int>?](repeating: nil, count: messages.count)
        var here = between[0].count
        for (entry, following) in zip(words, between.dropFirst()) {
            guard let length = shown(entry.text, at: here, in: bytes, before: following) else { return nil }
            places[entry.message] = here..<(here + length)
            here += length + following.count
        }
        return here == bytes.count ? places : nil
    }

    /// The bytes that a message's text takes at a place, all of it or without white space at its
    /// ends, so that what follows it fits.
    private static func shown(_ text: String, at place: Int, in bytes: [UInt8], before following: ArraySlice<UInt8>) -> Int? {
        for (left, right) in [(false, false), (true, true), (true, false), (false, true)] {
            let shown = stripped(text, left: left, right: right)
            if bytes[place...].starts(with: shown), bytes[(place + shown.count)...].starts(with: following) { return shown.count }
        }
        return nil
    }

    private static func stripped(_ text: String, left: Bool, right: Bool) -> Array<UInt8> {
        var scalars = Substring(text).unicodeScalars
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value) }
        while left, let first = scalars.first, isSpace(first) { scalars.removeFirst() }
        while right, let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return Array(Substring(scalars).utf8)
    }

    private static func find(_ part: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        guard let first = part.first else { return nil }
        var index = text.startIndex
        while index + part.count <= text.endIndex {
            if text[index] == first, text[index..<(index + part.count)].elementsEqual(part) { return index }
            index += 1
        }
        return nil
    }
}
