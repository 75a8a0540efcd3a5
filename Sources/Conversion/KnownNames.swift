/// What people call the parts of a conversation, in lower case.
enum KnownNames {
    static let questions = [
        "question", "questions", "query", "prompt", "instruction", "input", "user", "human", "customer", "request", "problem", "q", "frage",
    ]
    static let answers = [
        "answer", "answers", "response", "completion", "output", "assistant", "reply", "agent", "bot", "solution", "target", "a", "antwort",
    ]
    static let systems = ["system", "system_prompt", "system prompt"]
    static let speakers = ["role", "from", "speaker", "sender", "author", "who"]
    static let texts = ["content", "value", "text", "message", "body", "utterance"]
    static let conversations = [
        "conversation", "conversation_id", "conversation id", "chat", "chat_id", "thread", "thread_id", "session", "session_id", "ticket",
        "ticket_id", "dialog", "dialog_id", "dialogue", "dialogue_id",
    ]
    /// Keys of records that hold a list of turns.
    static let turnLists = ["conversations", "conversation", "items", "turns", "dialog", "dialogue", "chat", "chat_messages", "history"]

    private static let roles: [String: String] = [
        "user": "user", "human": "user", "customer": "user", "client": "user", "visitor": "user", "prompter": "user", "me": "user",
        "you": "user", "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "agent": "assistant",
        "support": "assistant", "model": "assistant", "ai": "assistant", "bard": "assistant", "bing": "assistant", "claude": "assistant",
        "system": "system", "tool": "tool",
    ]

    /// The role of a speaker; nil where it is not known.
    static func role(_ speaker: String, _ assistants: [String]) -> String? {
        let name = folded(speaker)
        guard assistants.isEmpty else {
            if assistants.contains(where: { folded($0) == name }) { return "assistant" }
            return name == "system" ? "system" : "user"
        }
        return roles[name]
    }

    /// In lower case, without spaces at its ends and a byte-order mark.
    static func folded(_ name: some StringProtocol) -> String {
        let kept = name.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.reversed().drop { $0.isWhitespace }.reversed()
        return String(kept).lowercased()
    }
}
