import Foundation
import TestSupport

/// What a program says of its own commands and options (argument-parser's
/// `--experimental-dump-help`), as sections of a manual page.
struct ProgramDescription: Decodable {
    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
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
        var names: [Name]?
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

    /// The commands that do something, by the words that call them.
    var commands: [(path: String, command: Command)] { Self.leaves(of: command) }

    /// What a program's page says of its commands, or of its options where it has no commands, in
    /// the macros of man(7).
    /// - Parameter hasPages: whether each command has a page of its own, to which this one refers.
    func manual(hasPages: Bool) -> String {
        let commands = commands
        if commands.isEmpty { return ".SH OPTIONS\n" + Self.options(of: command) }
        let parts = commands.map { path, leaf in
            let abstract = Self.escaped(leaf.abstract ?? "")
            guard hasPages else { return ".SS \"\(path)\(Self.positionals(leaf))\"\n\(abstract)\n" + Self.options(of: leaf) }
            let page = ([command.commandName] + path.split(separator: " ").map(String.init)).joined(separator: "\\-")
            return ".TP\n\\fB\(Self.hyphenated(path))\\fR\(Self.positionals(leaf))\n\(abstract)\n.BR \(page) (1)\n"
        }
        return ".SH COMMANDS\n" + parts.joined()
    }

    /// The page of one command, complete.
    func page(of path: String, _ leaf: Command) -> String {
        let words = [command.commandName] + path.split(separator: " ").map(String.init)
        let name = words.joined(separator: "-")
        let abstract = Self.escaped(leaf.abstract ?? "")
        let summary = abstract.hasSuffix(".") ? String(abstract.dropLast()) : abstract
        return """
            .\\" Written by ManualTests, from what the program says of itself.
            .TH \(name.uppercased().replacingOccurrences(of: "-", with: "\\-")) 1 "" "Tala" "User commands"
            .SH NAME
            \(Self.hyphenated(name)) \\- \(summary.prefix(1).lowercased() + summary.dropFirst())
            .SH SYNOPSIS
            .B \(Self.hyphenated(words.joined(separator: " ")))
            [\\fIOPTIONS\\fR]\(Self.positionals(leaf))

            """ + Self.description(of: leaf) + ".SH OPTIONS\n" + Self.options(of: leaf) + ".SH SEE ALSO\n.BR \(command.commandName) (1)\n"
    }

    private static func description(of command: Command) -> String {
        ".SH DESCRIPTION\n\(escaped(command.abstract ?? ""))\n" + (command.discussion.map { ".PP\n\(escaped($0))\n" } ?? "")
    }

    private static func hyphenated(_ text: String) -> String { escaped(text).replacingOccurrences(of: "-", with: "\\-") }

    private static func positionals(_ command: Command) -> String {
        shown(command).filter { $0.kind == "positional" }.map(positional).joined()
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
