package import Templates

/// Why a conversation cannot become an example.
package enum ChatError: Error, Sendable, Hashable {
    case noTemplate(folder: String)
    /// The template cannot be read.
    case templateFile(file: String, TemplateError)
    /// The template failed on this conversation, or refused it.
    case template(TemplateError)
    /// The template shows this assistant message so that its words cannot be found in the whole. Messages count from 0.
    case spanNotFound(message: Int)
    case notAConversation(String)
}

extension ChatError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noTemplate(let folder):
            "\(folder) has no chat template: neither chat_template in tokenizer_config.json nor chat_template.jinja"
        case .templateFile(let file, let error): "\(file): chat_template: \(error)"
        case .template(let error): "the chat template failed: \(error)"
        case .spanNotFound(let message):
            "the chat template renders messages[\(message)] so that what the assistant says cannot be found in the whole text; "
                + "set train_on: all, give the message weight 0, or use a template with {% generation %} marks"
        case .notAConversation(let what): what
        }
    }
}
