package import Tokenization

/// The text of an answer as its tokens come: never a part of a character, never a part of a stop
/// string.
package struct AnswerText: Sendable {
    private var stream: TextStream
    private let stops: [[UInt8]]
    /// Text that ends the answer's text, but not the answer: what follows is a call.
    private var trigger: [UInt8]?
    private let triggersOnlyAtStart: Bool
    /// What may be the beginning of a stop string.
    private var held: [UInt8] = []
    /// Whether a stop string has come; nothing follows it.
    package private(set) var isStopped = false

    package init(_ tokenizer: Tokenizer, stops: [String], trigger: [UInt8]? = nil, triggersOnlyAtStart: Bool = false) {
        stream = TextStream(tokenizer)
        (self.trigger, self.triggersOnlyAtStart) = (trigger, triggersOnlyAtStart)
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// The text that a token lets go.
    package mutating func append(_ token: Int32) -> String { release(stream.append(token)) }

    /// What was held back, at the end.
    package mutating func finish() -> String {
        let last = release(stream.finish())
        guard !isStopped else { return last }
        defer { held = [] }
        return last + String(decoding: held, as: UTF8.self)
    }

    /// What is left of the text when a trigger has come.
    package mutating func endBeforeTrigger() -> String {
        let last = release(stream.finish())
        defer { (held, trigger) = ([], nil) }
        // A trigger that is a control token is not in the text.
        let end = trigger.flatMap { Self.first($0, in: held) } ?? held.count
        return isStopped ? last : last + String(decoding: held[..<end], as: UTF8.self)
    }

    private mutating func release(_ text: String) -> String {
        guard !isStopped, !text.isEmpty else { return "" }
        guard !stops.isEmpty || trigger != nil else { return text }
        held += Array(text.utf8)
        // The stop string that ends first counts, of those the longest.
        var found: (start: Int, end: Int)?
        for stop in stops {
            guard let start = Self.first(stop, in: held) else { continue }
            let end = start + stop.count
            if found.map({ (end, start) < ($0.end, $0.start) }) ?? true { found = (start, end) }
        }
        if let found {
            isStopped = true
            defer { held = [] }
            return String(decoding: held[..<found.start], as: UTF8.self)
        }
        let kept = (stops + (trigger.map { [$0] } ?? [])).map { Self.overlap(held, $0) }.max() ?? 0
        let free = trigger.flatMap { Self.first($0, in: held) } ?? held.count - kept
        if free > 0, triggersOnlyAtStart { trigger = nil }
        defer { held.removeFirst(free) }
        return String(decoding: held[..<free], as: UTF8.self)
    }

    private static func first(_ part: [UInt8], in bytes: [UInt8]) -> Int? {
        guard part.count <= bytes.count else { return nil }
        return (0...bytes.count - part.count).first { bytes[$0] == part[0] && bytes[$0..<$0 + part.count].elementsEqual(part) }
    }

    /// How many of the last bytes are the beginning of a stop string.
    private static func overlap(_ bytes: [UInt8], _ stop: [UInt8]) -> Int {
        var length = min(bytes.count, stop.count - 1)
        while length > 0, !bytes.suffix(length).elementsEqual(stop.prefix(length)) { length -= 1 }
        return length
    }
}
