import ArgumentParser
import Basics

/// Finds a word that stands where a command's name should stand and is none, and the command that
/// was probably meant.
struct CommandSuggestion {
    let root: any ParsableCommand.Type

    /// What other programs of this kind call the commands.
    private static let otherNames = [
        "ls": "list", "ps": "list", "queue": "list", "squeue": "list", "jobs": "list", "show": "status", "stat": "status",
        "info": "status", "top": "watch", "follow": "watch", "wait": "watch", "log": "logs", "history": "events", "kill": "cancel",
        "abort": "cancel", "scancel": "cancel", "stop": "pause", "hold": "pause", "continue": "resume", "start": "submit",
        "run": "submit", "train": "submit", "sbatch": "submit", "check": "validate", "estimate": "plan", "rm": "delete",
        "remove": "delete", "chat": "generate", "ask": "generate", "infer": "generate", "env": "doctor", "benchmark": "bench",
    ]

    /// - Returns: nil where every word that names a command is one.
    func message(for arguments: [String]) -> String? {
        var command = root
        var path = [root._commandName]
        for (index, word) in arguments.enumerated() {
            let children = command.configuration.subcommands
            guard !children.isEmpty, !word.hasPrefix("-") else { return nil }
            if index == 0, word == "help" { continue }
            guard let next = children.first(where: { Self.names(of: $0).contains(word) }) else {
                let known = children.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let said = "\"\(Terminal.safe(word))\" is not a command of \(path.joined(separator: " "))"
                guard let nearest = Self.nearest(word, known) else { return said + "; there are \(known.joined(separator: ", "))" }
                return said + "; did you mean \"\(nearest)\"?"
            }
            command = next
            path.append(next._commandName)
        }
        return nil
    }

    private static func names(of command: any ParsableCommand.Type) -> [String] {
        [command._commandName] + command.configuration.aliases
    }

    private static func nearest(_ word: String, _ known: [String]) -> String? {
        if let other = otherNames[word], known.contains(other) { return other }
        if word.utf8.count >= 3, let longer = known.first(where: { $0.hasPrefix(word) }) { return longer }
        let distances = known.map { ($0, EditDistance.between($0, word)) }
        guard let nearest = distances.min(by: { $0.1 < $1.1 }), nearest.1 <= max(2, word.utf8.count / 3) else { return nil }
        return nearest.0
    }
}
