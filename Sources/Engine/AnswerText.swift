package import Tokenization

/// The text of an answer as its tokens come: never a part of a character, never a part of a stop
/// string.
package struct AnswerText: Sendable {
    private var stream: TextStream
    private var stops: [StringSearch]
    /// Text that ends the answer's text, but not the answer: what follows is a call.
    private var trigger: StringSearch?
    /// Where the trigger begins in what is held back, once it has come.
    private var triggerStart: Int?
    private let triggersOnlyAtStart: Bool
    /// Whether some text has been given out.
    private var hasReleased = false
    /// What may be the beginning of a stop string, or is a call.
    private var held: [UInt8] = []
    /// Whether a stop string has come; nothing follows it.
    package private(set) var isStopped = false

    package init(_ tokenizer: Tokenizer, stops: [String], trigger: [UInt8]? = nil, triggersOnlyAtStart: Bool = false) {
        stream = TextStream(tokenizer)
        self.trigger = trigger.flatMap { $0.isEmpty ? nil : StringSearch($0) }
        self.triggersOnlyAtStart = triggersOnlyAtStart
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }.map { StringSearch($0) }
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
        defer { (held, trigger, triggerStart) = ([], nil, nil) }
        // A trigger that is a control token is not in the text.
        let end = triggerStart ?? held.count
        return isStopped ? last : last + String(decoding: held[..<end], as: UTF8.self)
    }

    private mutating func release(_ text: String) -> String {
        guard !isStopped, !text.isEmpty else { return "" }
        guard !stops.isEmpty || trigger != nil || !held.isEmpty else { return text }
        for byte in text.utf8 {
            held.append(byte)
            // What follows a trigger is a call, and no text in which something could stop it.
            if triggerStart != nil { continue }
            // The stop string that ends first counts, of those the longest.
            var longest = 0
            for index in stops.indices where stops[index].append(byte) { longest = max(longest, stops[index].pattern.count) }
            if longest > 0 {
                isStopped = true
                defer { held = [] }
                // A trigger may have let go what the stop string begins with.
                return String(decoding: held[..<max(0, held.count - longest)], as: UTF8.self)
            }
            if trigger?.append(byte) == true, let length = trigger?.pattern.count {
                let start = held.count - length
                if !triggersOnlyAtStart || (start == 0 && !hasReleased) { triggerStart = start }
            }
        }
        let kept = (stops.map(\.length) + [trigger?.length ?? 0]).max() ?? 0
        let free = triggerStart ?? held.count - kept
        if free > 0 {
            hasReleased = true
            if triggersOnlyAtStart { trigger = nil }
            triggerStart = triggerStart.map { $0 - free }
        }
        defer { held.removeFirst(free) }
        return String(decoding: held[..<free], as: UTF8.self)
    }
}
