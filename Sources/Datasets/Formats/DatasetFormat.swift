package import JSON

/// What a record of a data file looks like.
package enum DatasetFormat: String, Sendable, Hashable, CaseIterable {
    /// `{"messages": [{"role", "content"}, ...]}`, with `tools` where there are some.
    case chat
    /// `{"prompt", "completion"}`: two texts, or two lists of messages.
    case completion
    /// `{"text"}`, or a `.txt` file whose documents are divided by blank lines.
    case text
    /// `{"conversations": [{"from", "value"}, ...]}`.
    case shareGPT = "sharegpt"
    /// `{"instruction", "input", "output"}`.
    case alpaca
    /// `{"input": {"messages"}, "preferred_output": [...], "non_preferred_output": [...]}`, as
    /// OpenAI's preference fine-tuning has it.
    case preference
    /// `{"prompt", "chosen", "rejected"}`, as TRL has it: texts, or lists of messages; the prompt
    /// may be the common beginning.
    case preferencePair = "preference_pair"
    /// `{"text", "label"}`, with `labels` where there may be several.
    case labelledText = "labelled_text"
    /// `{"messages", "label"}` likewise.
    case labelledChat = "labelled_chat"

    /// The format that a record's keys tell, or nil if they tell none.
    package static func detect(_ record: JSONNode) -> DatasetFormat? {
        let keys = Set((record.object ?? []).map(\.key))
        if keys.contains("messages") { return .chat }
        if keys.contains("conversations") { return .shareGPT }
        if keys.contains("preferred_output") || keys.contains("non_preferred_output") { return .preference }
        if keys.contains("chosen") || keys.contains("rejected") { return .preferencePair }
        if keys.contains("prompt"), keys.contains("completion") { return .completion }
        if keys.contains("instruction"), keys.contains("output") { return .alpaca }
        if keys.contains("text") { return .text }
        return nil
    }

    /// For messages: what such a record is called.
    package var title: String {
        switch self {
        case .chat: "chat (messages)"
        case .completion: "prompt/completion"
        case .text: "plain text"
        case .shareGPT: "ShareGPT (conversations)"
        case .alpaca: "Alpaca (instruction, input, output)"
        case .preference: "preference pairs (input, preferred_output, non_preferred_output)"
        case .preferencePair: "preference pairs (prompt, chosen, rejected)"
        case .labelledText: "labelled texts (text, label)"
        case .labelledChat: "labelled conversations (messages, label)"
        }
    }

    var isPreference: Bool { self == .preference || self == .preferencePair }
}
