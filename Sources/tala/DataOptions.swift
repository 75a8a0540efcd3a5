import ArgumentParser
import Conversion

/// What a file's own names do not say.
struct DataOptions: ParsableArguments {
    @Option(help: "The column or key of the question; a column also by its number.") var question: String?
    @Option(help: "The column or key of the answer.") var answer: String?
    @Option(help: "The column or key of the instruction to the assistant (system).") var system: String?
    @Option(help: "Where a row is a turn: the column of who speaks.") var speaker: String?
    @Option(help: "Where a row is a turn: the column of what is said.") var text: String?
    @Option(help: "Where a row is a turn: the column that is the same in all turns of a conversation.") var conversation: String?
    @Option(help: ArgumentHelp("Who speaks as the assistant; may be repeated. Everybody else is the user.", valueName: "name"))
    var assistant: [String] = []
    @Option(help: "What stands between the columns: one character, or tab. Without it, what the first line has most often.")
    var separator: String?
    @Flag(help: "The first row names no columns.") var noHeader = false

    func validate() throws {
        guard let separator, separator != "tab" else { return }
        guard separator.utf8.count == 1, separator != "\"", separator != "\n" else {
            throw ValidationError("--separator is one character, or tab, not \"\(separator)\"")
        }
    }

    var options: ConversionOptions {
        var options = ConversionOptions()
        (options.question, options.answer, options.system) = (question, answer, system)
        (options.speaker, options.text, options.conversation) = (speaker, text, conversation)
        options.assistants = assistant
        options.separator = separator.flatMap { $0 == "tab" ? UInt8(ascii: "\t") : $0.utf8.first }
        options.hasHeader = !noHeader
        return options
    }
}
