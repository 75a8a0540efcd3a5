extension TemplateReview.Finding {
    /// A stable word for reports: `not_shown`, `not_shown_in_training`, `not_shown_when_asked`,
    /// `role_not_known`, and those of warnings: `role_mapped`, `reasoning_not_shown`,
    /// `tools_not_shown`, `name_not_shown`, `description_not_shown`, `member_not_shown`.
    package var code: String {
        switch part {
        case .role: return "role_not_known"
        case .developer: return "role_mapped"
        case .reasoning where !isError: return "reasoning_not_shown"
        case .speakerName: return "name_not_shown"
        case .description: return "description_not_shown"
        case .other: return "member_not_shown"
        case .tools where !isError, .tool where !isError, .parameters where !isError: return "tools_not_shown"
        default: break
        }
        return switch place {
        case .everywhere: "not_shown"
        case .asking: "not_shown_when_asked"
        case .training: "not_shown_in_training"
        }
    }

    /// The JSON path of what is concerned.
    package func field(in conversation: Conversation) -> String? {
        let base = message.map(conversation.path) ?? ""
        switch part {
        case .content: return base + conversation.textMember
        case .reasoning: return base
        case .speakerName: return base + ".name"
        case .calls: return base + ".tool_calls"
        case .call(let call): return "\(base).tool_calls[\(call)]"
        case .arguments(let call): return "\(base).tool_calls[\(call)].function.arguments"
        case .tools: return "tools"
        case .tool(let tool): return "tools[\(tool)]"
        case .parameters(let tool): return "tools[\(tool)].function.parameters"
        case .description(let tool): return "tools[\(tool)]"
        case .documents: return "documents"
        case .other(let key): return "\(base).\(key.prefix(40))"
        case .role, .developer: return base + ".role"
        }
    }

    /// What is wrong and what to do.
    /// - Parameters:
    ///   - template: how the template is called.
    ///   - role: the message's role.
    package func message(template: String, role: String?) -> String {
        switch part {
        case .developer:
            return "\(template) does not know the role developer: the message is given to it as system, as llama.cpp and vLLM do"
        case .role:
            return "\(template) does not know the role \(role ?? "of this message") and shows its text as the assistant's: \(remedy(role))"
        case .reasoning where !isError:
            return
                "\(template) leaves out the reasoning of earlier turns: it is neither trained nor shown; to train it, give each answer a line of its own"
        case .tools where !isError, .tool where !isError, .parameters where !isError:
            return "\(template) does not show it, neither in the text that is trained nor where the model is asked: "
                + "the model learns to call without seeing what it may call; \(remedy(role))"
        case .speakerName: return "\(template) does not show names of speakers: put the name into the text if it matters"
        case .description: return "\(template) does not show all descriptions of this tool"
        case .other(let key): return "\(template) does not know \(key.prefix(40)): it is neither trained nor shown"
        default: break
        }
        let what =
            switch place {
            case .everywhere: "is not shown by \(template), so it would be missing in the text that is trained"
            case .asking: "is missing where the model is asked with \(template), though the text that is trained has it"
            case .training:
                "is missing in the text that is trained with \(template), which shows it only while the user's words come last: "
                    + "the model would be asked otherwise than it was trained"
            }
        return "\(what); \(remedy(role))"
    }

    private func remedy(_ role: String?) -> String {
        let other = "use a template that shows it (a chat_template.jinja in the model's folder)"
        switch part {
        case .tools, .tool, .parameters, .calls, .call, .arguments:
            return "\(other), choose a model that was made to call tools, or take calls and tools out of the data"
        case .reasoning: return "\(other), or take the reasoning out of the data"
        case .documents: return "\(other), or put the documents into the user's text"
        default: break
        }
        switch role {
        case "system", "developer": return "\(other), or move the text into the user's first message"
        case "tool": return "\(other), choose a model that was made to call tools, or take calls and tools out of the data"
        default: return other
        }
    }
}
