import ArgumentParser
import CommandLineTools
import JSON
import Templates
import Tokenization

/// `tala template render`.
struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template", abstract: "Look inside a chat template.", subcommands: [Render.self])

    struct Render: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read {\"variables\": {...}} lines, write {\"text\"} or {\"error\"} lines.",
            discussion:
                "TEMPLATE is a .jinja file, a tokenizer_config.json, a model folder, or - where each line brings its own \"template\". Of several "
                + "templates with names the one is taken that training takes: tool_use for a line with tools, else default.")
        @Flag(help: "Print an error as a JSON object too; what is printed otherwise is one object a line anyway.") var json = false
        @Option(help: "What strftime_now tells, for example 2025-03-09T08:05:07.") var now: String?
        @Argument(help: "The template.") var template: String

        func run() throws {
            let clock = try Self.clock(now)
            let fixed = template == "-" ? nil : try Self.templates(template)
            try JSONLines.map { node in
                let variables = Self.variables(node, isModels: fixed != nil)
                let own = node["template"]?.string
                // As for training: with tools the template for tools, where there is one.
                let named = own == nil ? try fixed?.choose(hasTools: variables["tools"].map { !$0.isNull } ?? false) : nil
                do throws(TemplateError) {
                    let chosen: Template
                    if let named { chosen = named.template } else { chosen = try Template(own ?? "") }
                    return ["text": JSONNode(try chosen.render(variables, clock: clock).text)]
                } catch {
                    return [
                        "error": [
                            "type": JSONNode(error.type), "message": JSONNode(error.message),
                            "line": error.line.map { JSONNode($0) } ?? nil,
                        ]
                    ]
                }
            }
        }

        /// What a line gives; a model's template always has `tools` and `documents`, as in
        /// transformers.
        private static func variables(_ node: JSONNode, isModels: Bool) -> JSONNode {
            var members = node["variables"]?.object ?? []
            for name in ["tools", "documents"] where isModels && !members.contains(where: { $0.key == name }) {
                members.append(JSONMember(name, nil))
            }
            return JSONNode(members)
        }

        /// The time that was given, or the machine's.
        private static func clock(_ text: String?) throws -> TemplateClock {
            guard let text else { return .now }
            let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
            guard numbers.count == 6, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else {
                throw ValidationError("--now is not a time like 2025-03-09T08:05:07")
            }
            return TemplateClock(
                year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4], second: numbers[5])
        }

        /// - Throws: ``CommandFailure`` where there is no template, or one that cannot be read.
        private static func templates(_ path: String) throws(CommandFailure) -> ChatTemplates {
            let templates: ChatTemplates
            do { templates = try ChatTemplates(path: path) } catch { throw CommandFailure(.invalid, "\(error)") }
            guard !templates.isEmpty else { throw CommandFailure(.invalid, "\(path) has no chat_template") }
            return templates
        }
    }
}
