import JSON
import Templates

/// What a template shows of the conversations of one shape, and the form in which it shows most.
///
/// A template passes over what it does not know, and nothing in the rendered text tells. So a
/// conversation is rendered once with a word of its own in the place of everything that it says
/// (``MarkedConversation``): as it is trained, and as the model will be asked. A word that does not
/// come out is a finding.
package struct TemplateReview: Sendable, Hashable {
    /// Something that the data says and the template does not show, or shows as something else.
    package struct Finding: Sendable, Hashable {
        package enum Part: Sendable, Hashable {
            case content
            case reasoning
            case speakerName
            /// All calls of a message.
            case calls
            case call(Int)
            case arguments(call: Int)
            /// All tools of the record.
            case tools
            case tool(Int)
            case parameters(tool: Int)
            case description(tool: Int)
            case documents
            case other(key: String)
            /// The message's role: its text is shown as the assistant's.
            case role
            /// The role `developer`, given as `system`.
            case developer
        }
        /// Where something is missing.
        package enum Place: Sendable, Hashable {
            case everywhere
            /// In the text that is trained; when the model is asked it is there.
            case training
            /// When the model is asked; the text that is trained has it.
            case asking
        }
        package var part: Part
        /// The message's place; nil where all of the record is concerned.
        package var message: Int?
        package var place: Place
        package var isError: Bool
    }
    package let form: ConversationForm
    package let findings: [Finding]

    /// - Throws: ``ChatError`` where the template takes too many steps, or where there is none.
    init(of conversation: Conversation, _ encoder: ChatEncoder) throws(ChatError) {
        let marked = MarkedConversation(conversation)
        var best: (form: ConversationForm, findings: [Finding], score: Int)?
        for form in Self.forms(for: conversation) {
            guard let (findings, score) = try Self.findings(marked, form, encoder) else { continue }
            if score < best?.score ?? .max { best = (form, findings, score) }
            if score == 0 { break }
        }
        if let best { form = best.form } else { form = try Self.refused(conversation, encoder) }
        var findings = best?.findings ?? []
        if form.developerIsSystem {
            let message = conversation.messages.array?.firstIndex { $0["role"]?.string == "developer" }
            findings.append(Finding(part: .developer, message: message, place: .everywhere, isError: false))
        }
        self.findings = findings
    }

    /// Of a conversation with which the template fails in all forms, the one in which the template
    /// itself says why.
    private static func refused(_ conversation: Conversation, _ encoder: ChatEncoder) throws(ChatError) -> ConversationForm {
        var conversation = conversation
        for form in forms(for: conversation) {
            conversation.form = form
            do throws(ChatError) { _ = try encoder.rendering(conversation, false) } catch {
                guard case .template(let cause) = error, !cause.isOutOfSteps else { throw error }
                if cause.type == "TemplateError" { return form }
            }
        }
        return ConversationForm()
    }

    /// The forms that differ for a conversation, transformers' own first.
    private static func forms(for conversation: Conversation) -> [ConversationForm] {
        let messages = conversation.messages.array ?? []
        let callers = messages.filter { $0["tool_calls"]?.array?.isEmpty == false }
        let isSilent = callers.contains { $0["content"]?.string?.isEmpty ?? true }
        let hasFlatCall = callers.contains { $0["tool_calls"]?.array?.contains(where: ConversationForm.isFlat) == true }
        var forms: [ConversationForm] = []
        for developerIsSystem in messages.contains(where: { $0["role"]?.string == "developer" }) ? [false, true] : [false] {
            for emptyContent in isSilent ? ConversationForm.EmptyContent.allCases : [.asGiven] {
                for arguments in callers.isEmpty ? [.object] : ConversationForm.Arguments.allCases {
                    for wrapsCalls in hasFlatCall ? [false, true] : [false] {
                        var form = ConversationForm()
                        (form.developerIsSystem, form.emptyContent, form.arguments) = (developerIsSystem, emptyContent, arguments)
                        form.wrapsCalls = wrapsCalls
                        forms.append(form)
                    }
                }
            }
        }
        return forms
    }

    /// What is not shown in a form, and how bad that is; nil where the template fails.
    private static func findings(
        _ marked: MarkedConversation, _ form: ConversationForm, _ encoder: ChatEncoder
    ) throws(ChatError) -> (findings: [Finding], score: Int)? {
        var conversation = marked.conversation
        conversation.form = form
        guard let whole = try rendered(conversation, false, encoder) else { return nil }
        let messages = conversation.messages.array ?? []
        let trained = missing(marked.marks, in: whole)
        var asked: Set<MarkedConversation.Mark>?
        for count in askedCounts(messages) {
            guard let text = try rendered(conversation.prefix(count), true, encoder) else { continue }
            asked = (asked ?? []).union(missing(marked.marks.filter { $0.message ?? -1 < count }, in: text))
        }
        var findings = TemplateFindings(marked.marks, messages, trained: trained, asked: asked)
        findings.dropMembers { TextBytes.range(of: $0, in: encoder.templateSource(for: conversation)) != nil }
        try findings.addRoles(conversation, whole) { (other) throws(ChatError) in try rendered(other, false, encoder) }
        let errors = findings.all.count { $0.isError }
        // A dictionary as Python prints it is no JSON: such a template expects text.
        let isPrinted = marked.marks.contains { mark in
            if case .argument = mark.kind { TextBytes.range(of: "'\(mark.word)'", in: whole) != nil } else { false }
        }
        return (findings.all, errors * 10 + (isPrinted ? 1 : 0))
    }

    /// After how many messages the model will be asked: before its last turn, and behind the last
    /// words of the user.
    private static func askedCounts(_ messages: [JSONNode]) -> Set<Int> {
        guard let answer = messages.lastIndex(where: { $0["role"]?.string == "assistant" }), answer > 0 else { return [] }
        let question = messages[..<answer].lastIndex { $0["role"]?.string == "user" }
        return Set([answer] + (question.map { [$0 + 1] } ?? []))
    }

    private static func missing(_ marks: [MarkedConversation.Mark], in text: String) -> Set<MarkedConversation.Mark> {
        Set(marks.filter { TextBytes.range(of: $0.word, in: text) == nil })
    }

    /// - Returns: nil where the template fails.
    private static func rendered(
        _ conversation: Conversation, _ addGenerationPrompt: Bool, _ encoder: ChatEncoder
    ) throws(ChatError) -> String? {
        do throws(ChatError) { return try encoder.rendering(conversation, addGenerationPrompt).text } catch {
            if case .template(let cause) = error, !cause.isOutOfSteps { return nil }
            throw error
        }
    }
}

/// Turns words that do not come out into findings: one for what belongs together.
private struct TemplateFindings {
    typealias Finding = TemplateReview.Finding
    typealias Mark = MarkedConversation.Mark
    private(set) var all: [Finding] = []

    /// - Parameters:
    ///   - trained: words that are missing in the text that is trained.
    ///   - asked: those that are missing where the model is asked; nil where that cannot be told.
    init(_ marks: [Mark], _ messages: [JSONNode], trained: Set<Mark>, asked: Set<Mark>?) {
        let lastAnswer = messages.lastIndex { $0["role"]?.string == "assistant" }
        let lacksCalls = trained.contains { if case .callName = $0.kind { true } else { false } }
        let onlyTrained = asked.map { trained.subtracting($0) } ?? []
        let asked = asked ?? trained
        for mark in marks where trained.contains(mark) || asked.contains(mark) {
            let place: Finding.Place = !trained.contains(mark) ? .asking : onlyTrained.contains(mark) ? .training : .everywhere
            // Who shows calls and never the tools is asked as it was trained; who shows neither
            // loses what the data is about.
            let isToolError = place != .everywhere || lacksCalls
            func add(_ part: Finding.Part, isError: Bool = true) {
                // Of what is not there before the answer itself nothing can be said about asking.
                let isAnswer = mark.message.map { $0 == lastAnswer } ?? false
                append(Finding(part: part, message: mark.message, place: isAnswer ? .everywhere : place, isError: isError))
            }
            switch mark.kind {
            case .content: add(.content)
            case .reasoning:
                // What the model thought before it is asked again is left out by design; what it is
                // to think now must be there.
                if trained.contains(mark) { add(.reasoning, isError: mark.message == lastAnswer) }
            case .speakerName: add(.speakerName, isError: false)
            case .callName(let call): add(Self.lacksAll(marks, trained, asked, mark.message) ? .calls : .call(call))
            case .argument(let call): add(.arguments(call: call))
            case .toolName(let tool): add(Self.lacksAll(marks, trained, asked, nil) ? .tools : .tool(tool), isError: isToolError)
            case .parameter(let tool): add(.parameters(tool: tool), isError: isToolError)
            case .description(let tool): add(.description(tool: tool), isError: false)
            case .document: add(.documents)
            case .other(let key): add(.other(key: key), isError: false)
            }
        }
        joinParts()
    }

    /// Whether no name of a message's calls, or of the tools, comes out.
    private static func lacksAll(_ marks: [Mark], _ trained: Set<Mark>, _ asked: Set<Mark>, _ message: Int?) -> Bool {
        marks.allSatisfy { mark in
            switch mark.kind {
            case .callName where mark.message == message && message != nil: trained.contains(mark)
            case .toolName where message == nil: trained.contains(mark)
            default: true
            }
        }
    }

    /// A part is named once, and not beside a larger one that holds it.
    private mutating func append(_ finding: Finding) {
        if !all.contains(finding) { all.append(finding) }
    }

    private mutating func joinParts() {
        let found = Set(all.map { Key(part: $0.part, message: $0.message) })
        all.removeAll { finding in
            func has(_ part: Finding.Part) -> Bool { found.contains(Key(part: part, message: finding.message)) }
            return switch finding.part {
            case .call: has(.calls)
            case .arguments(let call): has(.calls) || has(.call(call))
            case .tool: has(.tools)
            case .parameters(let tool), .description(let tool): has(.tools) || has(.tool(tool))
            default: false
            }
        }
        var seen: Set<Key> = []
        all = all.filter { seen.insert(Key(part: $0.part, message: $0.message)).inserted }
    }

    private struct Key: Hashable {
        var part: Finding.Part
        var message: Int?
    }

    /// Drops other members of messages that the template knows.
    mutating func dropMembers(where isKnown: (String) -> Bool) {
        all.removeAll { if case .other(let key) = $0.part { isKnown(key) } else { false } }
    }

    /// Adds the roles whose messages the template shows as the assistant's, as a template does that
    /// asks for two roles and takes all others for the third.
    mutating func addRoles(
        _ conversation: Conversation, _ whole: String, _ rendered: (Conversation) throws(ChatError) -> String?
    ) throws(ChatError) {
        let messages = conversation.messages.array ?? []
        func isShownAsAnswer(_ role: String) throws(ChatError) -> Bool {
            var changed: [JSONNode] = []
            for message in messages {
                let members = message.object ?? []
                changed.append(
                    message["role"]?.string == role
                        ? JSONNode(members.map { $0.key == "role" ? JSONMember("role", "assistant") : $0 }) : message)
            }
            let other = try rendered(conversation.with(messages: changed))
            return other == .some(whole)
        }
        let suspects: [String] = ["system", "developer", "tool"].filter { role in messages.contains { $0["role"]?.string == role } }
        // A template that marks no speaker at all confuses none.
        guard !suspects.isEmpty, messages.contains(where: { $0["role"]?.string == "user" }), try !isShownAsAnswer("user") else { return }
        for role in suspects {
            guard let message = messages.firstIndex(where: { $0["role"]?.string == role }) else { continue }
            let isMissing = all.contains { $0.message == message && $0.part == .content }
            if !isMissing, try isShownAsAnswer(role) {
                append(Finding(part: .role, message: message, place: .everywhere, isError: true))
            }
        }
    }
}
