import Foundation
import TestSupport

/// What a program says of its own commands and options (argument-parser's `--experimental-dump-help`), as sections of a manual page.
struct ProgramDescription: Decodable {
    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
    }
    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }
        var kind: String
        var abstract: String?
        var valueName: String?
        var defaultValue: String?
        var preferredName: Name?
        var isOptional: Bool
        var isRepeating: Bool
        var shouldDisplay: Bool
    }
    var command: Command

    static func of(_ program: String) throws -> ProgramDescription {
        let outcome = try BuiltProgram(name: program).run(["--experimental-dump-help"])
        return try JSONDecoder().decode(ProgramDescription.self, from: Data(outcome.output.utf8))
    }

    /// The commands and their options in the macros of man(7).
    func manual() -> String {
        if command.subcommands == nil || command.subcommands?.isEmpty == true {
            return ".SH OPTIONS\n" + Self.options(of: command)
        }
        var text = ".SH COMMANDS\n"
        for (path, leaf) in Self.leaves(of: command) {
            let positional = Self.shown(leaf).filter { $0.kind == "positional" }.map(Self.positional).joined()
            text += ".SS \"\(path)\(positional)\"\n\(Self.escaped(leaf.abstract ?? ""))\n" + Self.options(of: leaf)
        }
        return text
    }

    private static func leaves(of command: Command, path: [String] = []) -> [(String, Command)] {
        (command.subcommands ?? []).filter { $0.commandName != "help" }.flatMap { child -> [(String, Command)] in
            let own = path + [child.commandName]
            return child.subcommands?.isEmpty == false ? leaves(of: child, path: own) : [(own.joined(separator: " "), child)]
        }
    }

    private static func shown(_ command: Command) -> [Argument] {
        (command.arguments ?? []).filter { $0.shouldDisplay && !["help", "version"].contains($0.preferredName?.name) }
    }

    private static func positional(_ argument: Argument) -> String {
        let name = (argument.valueName ?? "value").uppercased() + (argument.isRepeating ? "..." : "")
        return argument.isOptional ? " [\(name)]" : " \(name)"
    }

    private static func options(of command: Command) -> String {
        shown(command).map { argument in
            var words = (argument.abstract ?? "").trimmingCharacters(in: .whitespaces)
            if let value = argument.defaultValue, !value.isEmpty { words += " Default: \(value)." }
            if argument.kind == "positional" { return ".TP\n.I \((argument.valueName ?? "value").uppercased())\n\(escaped(words))\n" }
            let name = escaped("--" + (argument.preferredName?.name ?? "")).replacingOccurrences(of: "-", with: "\\-")
            let value = argument.kind == "option" ? "\\fR \\fI\((argument.valueName ?? "value").uppercased())" : ""
            return ".TP\n\\fB\(name)\(value)\\fR\n\(escaped(words))\n"
        }.joined()
    }

    private static func escaped(_ text: String) -> String {
        var text = text.replacingOccurrences(of: "\\", with: "\\\\").split(separator: "\n").joined(separator: " ")
        if text.hasPrefix(".") || text.hasPrefix("'") { text = "\\&" + text }
        return text
    }
}
