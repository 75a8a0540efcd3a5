import Foundation

/// A block of commands in a document: lines that begin with `$`, their further lines (`>`), and
/// what they print.
struct DocumentBlock: Sendable {
    struct Command: Sendable {
        var text: String
        /// Lines that are to be found in what it prints.
        var output: [String]
        var line: Int
    }
    var document: String
    /// Why it is not run; nil where it is.
    var reason: String?
    var commands: [Command]

    private static let heading = "```console"
    private static let mark = " not run: "

    /// The blocks of a document.
    static func all(of document: String, _ text: String) -> [DocumentBlock] {
        var blocks: [DocumentBlock] = []
        var isInside = false
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            if line.hasPrefix("```") {
                isInside = line.hasPrefix(heading)
                guard isInside else { continue }
                let rest = String(line.dropFirst(heading.count))
                blocks.append(
                    DocumentBlock(document: document, reason: rest.hasPrefix(mark) ? String(rest.dropFirst(mark.count)) : nil, commands: [])
                )
                continue
            }
            guard isInside, !blocks.isEmpty else { continue }
            let last = blocks.count - 1
            if line.hasPrefix("$ ") {
                blocks[last].commands.append(Command(text: String(line.dropFirst(2)), output: [], line: index + 1))
            } else if line.hasPrefix("> "), let command = blocks[last].commands.indices.last, blocks[last].commands[command].output.isEmpty
            {
                blocks[last].commands[command].text += "\n" + line.dropFirst(2)
            } else if let command = blocks[last].commands.indices.last, !line.isEmpty {
                blocks[last].commands[command].output.append(line)
            }
        }
        return blocks
    }

    /// Text in which every number is the same, and spaces count once: figures differ from machine
    /// to machine.
    static func comparable(_ text: some StringProtocol) -> String {
        var result = ""
        for character in text {
            let kept: Character = character.isNumber ? "#" : character.isWhitespace ? " " : character
            if kept == "#" || kept == " ", result.last == kept { continue }
            result.append(kept)
        }
        return result.trimmingCharacters(in: .whitespaces)
    }
}
