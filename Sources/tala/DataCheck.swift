import ArgumentParser
import CommandLineTools
import Conversion
import JSON
import Jobs

/// `tala data check`.
struct DataCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what convert would make of a file, and what is wrong with it.",
        discussion: """
            Tables (CSV, TSV), JSON and JSON Lines are read: questions and answers by their columns, a turn a row, ShareGPT, exports of ChatGPT and Claude. \
            Problems are told with file, line and column. What a model's template and tokenizer make of the data, tala validate checks. Exit codes: 0 all of \
            it can be converted, 1 something cannot.
            """)
    @OptionGroup var data: DataOptions
    @Flag(help: "Print one JSON object, also for an error.") var json = false
    @Argument(help: "The file.", completion: .file()) var file: String

    func run() throws {
        let conversion = try DataCommand.conversion(file, data.options)
        let example = conversion.result.firstExample
        if json {
            let more = [JSONMember("first", example ?? .null)]
            try StandardOutput.json(JSONNode(DataCommand.json(conversion, file: file) + more))
        } else {
            DataCommand.show(conversion.result)
            try StandardOutput.line(Terminal.safe(DataCommand.sentence(conversion, file: file)))
            if let example { try StandardOutput.line("the first: " + plain(JSONWriter().string(example))) }
        }
        if conversion.result.problemCount > 0 { throw CommandExit.failed.code }
    }
}
