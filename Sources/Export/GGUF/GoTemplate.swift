import JSON
import Templates

/// A chat template that puts fixed texts around what each role says, in Ollama's language (Go's
/// text/template).
struct GoTemplate {
    private struct Frame {
        var before: String
        var after: String
    }
    private let system: Frame
    private let user: Frame
    private let assistant: Frame

    private static func marked(_ begin: String, _ middle: String, _ end: String, _ names: (String, String, String)) -> GoTemplate {
        func frame(_ name: String) -> Frame { Frame(before: begin + name + middle, after: end) }
        return GoTemplate(system: frame(names.0), user: frame(names.1), assistant: frame(names.2))
    }

    private static let roles = ("system", "user", "assistant")
    private static let known = [
        marked("<|im_start|>", "\n", "<|im_end|>\n", roles),
        marked("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", roles),
        marked("<|", "|>\n", "<|end|>\n", roles),
        marked("<|", "|>", "<|end|>", roles),
        marked("<start_of_turn>", "\n", "<end_of_turn>\n", ("system", "user", "model")),
    ]

    /// Conversations on which two templates are taken for equal.
    private static let probes: [[(role: String, content: String)]] = [
        [("user", "What is 2 + 2?")],
        [("user", "Name a colour."), ("assistant", "Blue.\nOr red."), ("user", "Another one, \"please\"!")],
        [("system", "Answer in one word."), ("user", "Name a colour.")],
    ]

    /// The known template that says what a model's own does; nil where none does, or where that one
    /// has conversations of more kinds than it takes.
    static func equal(to source: String, _ texts: GGUFTexts) -> GoTemplate? {
        guard let template = try? Template(source) else { return nil }
        func named(_ key: String) -> String { texts.settings[key]?.string ?? texts.settings[key]?["content"]?.string ?? "" }
        let begin = named("bos_token")
        let rendered = probes.map { probe -> String? in
            let messages = probe.map { ["role": JSONNode($0.role), "content": JSONNode($0.content)] as JSONNode }
            let variables: JSONNode = [
                "messages": JSONNode(messages), "add_generation_prompt": true, "bos_token": JSONNode(begin),
                "eos_token": JSONNode(named("eos_token")),
            ]
            guard let text = try? template.render(variables).text else { return nil }
            // The program puts the first token before the text itself.
            return begin.isEmpty || !text.hasPrefix(begin) ? text : String(text.dropFirst(begin.count))
        }
        // A template without a place for the system's message says so, or drops it.
        guard rendered[0] != nil, rendered[1] != nil else { return nil }
        return known.first { template in
            zip(probes, rendered).allSatisfy { probe, text in text.map { $0 == template.rendered(probe) } ?? (probe[0].role == "system") }
        }
    }

    private func frame(_ role: String) -> Frame { role == "system" ? system : role == "user" ? user : assistant }

    /// What the template makes of a conversation that the assistant is to go on with.
    private func rendered(_ messages: [(role: String, content: String)]) -> String {
        messages.map { frame($0.role).before + $0.content + frame($0.role).after }.joined() + assistant.before
    }

    var text: String {
        func say(_ frame: Frame) -> String { "\(frame.before){{ .Content }}\(frame.after)" }
        return "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
            + "{{ if eq .Role \"system\" }}\(say(system)){{ else if eq .Role \"user\" }}\(say(user))"
            + "{{ else if eq .Role \"assistant\" }}\(assistant.before){{ .Content }}{{ if not $last }}\(assistant.after){{ end }}{{ end }}"
            + "{{ if and $last (ne .Role \"assistant\") }}\(assistant.before){{ end }}{{ end }}"
    }
}
