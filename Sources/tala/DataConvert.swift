import ArgumentParser
import CommandLineTools
import Conversion
import JSON
import Jobs
import Storage

/// `tala data convert`.
struct DataConvert: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert", abstract: "Write a file's conversations as chat lines.",
        discussion: """
            Reads what check reads and writes {"messages": [...]} a line, which a manifest's training_file takes. Where something cannot be converted, nothing \
            is written, unless --skip leaves it out. The file is written whole or not at all. Exit codes: 0 written, 1 not written.
            """)
    @OptionGroup var data: DataOptions
    @Flag(help: "Leave out what cannot be converted.") var skip = false
    @Flag(help: "Replace a file that is there.") var force = false
    @Flag(help: "Print one JSON object, also for an error.") var json = false
    @Argument(help: "The file to read.", completion: .file()) var file: String
    @Argument(help: "The file to write: a name that ends in .jsonl.", completion: .file(extensions: ["jsonl"])) var output: String

    func run() throws {
        guard force || !FolderListing.exists(output) else {
            throw CommandFailure(.failed, "\(output) is there already; --force replaces it")
        }
        let conversion = try DataCommand.conversion(file, data.options)
        let result = conversion.result
        let isWritten = result.exampleCount > 0 && (skip || result.problemCount == 0)
        if isWritten {
            do throws(StorageError) {
                try result.lines.withBytes { bytes throws(StorageError) in
                    try DurableFiles.replace(output, with: UnsafeRawBufferPointer(bytes))
                }
            } catch { throw CommandFailure(.failed, "\(error)") }
        }
        if json {
            let more = [JSONMember("output", isWritten ? JSONNode(output) : .null)]
            try StandardOutput.json(JSONNode(DataCommand.json(conversion, file: file) + more))
        } else {
            DataCommand.show(result)
            try StandardOutput.line(Terminal.safe(DataCommand.sentence(conversion, file: file)))
            try StandardOutput.line(
                isWritten
                    ? "\(output) is written" + (result.problemCount > 0 ? ", without what is named above" : "")
                    : "nothing is written: mend the file, or leave out what is wrong with --skip")
        }
        if !isWritten { throw CommandExit.failed.code }
    }
}
