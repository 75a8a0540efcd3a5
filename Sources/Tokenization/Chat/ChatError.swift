package import Templates

/// Why a conversation cannot become an example.
package enum ChatError: Error, Sendable, Hashable {
    case noTemplate(folder: String)
    /// There are templates with names, but none for a chat.
    case noDefaultTemplate([String])
    /// The template cannot be read.
    case templateFile(file: String, TemplateError)
    /// The template failed on this conversation, or refused it.
    case template(TemplateError)
    /// The template shows this assistant message so that its words cannot be found in the whole.
    /// Messages count from 0.
    case spanNotFound(message: Int)
    case notAConversation(String)
    /// The tokenizer makes a special token of its text even where it is to be text.
    case cannotBeText(token: String)
    /// With marks around the texts of special tokens the template writes something else.
    case marksChangeTheText
}

extension ChatError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noTemplate(let folder):
            "\(folder) has no chat template: neither chat_template in tokenizer_config.json nor chat_template.jinja"
        case .noDefaultTemplate(let names):
            "the model has chat templates with the names \(names.joined(separator: ", ")), but none is called default, "
                + "and tool_use is for lines with tools: put the one that is meant into chat_template.jinja"
        case .templateFile(let file, let error): "\(file): chat_template: \(error)"
        case .template(let error): "the chat template failed: \(error)"
        case .spanNotFound(let message):
            "the chat template renders messages[\(message)] so that what the assistant says cannot be found in the whole text; "
                + "set train_on: all, give the message weight 0, or use a template with {% generation %} marks"
        case .notAConversation(let what): what
        case .cannotBeText(let token): "special_tokens_in_text: encode_as_text: the tokenizer has no other tokens for the text \(token)"
        case .marksChangeTheText:
            "special_tokens_in_text: encode_as_text: the chat template looks into the text that holds a control token; take it out"
        }
    }
}
