import ArgumentParser
import CommandLineTools
import Hub
import JSON
import Storage

/// `tala models add`.
struct ModelsAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Copy a model that lies elsewhere on this machine.",
        discussion: """
            From a Hugging Face folder, one of its files, a folder of Hugging Face's download cache, by OWNER/NAME from that cache, or a GGUF file with its \
            parts. Links are followed, and only the files that a job needs are copied.
            """)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var place: ModelFolderOption
    @Argument(help: "A folder, a file in it, a GGUF file, or OWNER/NAME in the download cache.", completion: .file()) var path: String

    func run() throws {
        let copy: ModelCopy
        do throws(ModelCopy.NotFound) { copy = try ModelCopy(path, cache: ModelCopy.cacheFolder()) } catch {
            throw CommandFailure(.notFound, "\(error)")
        }
        let target = try place.target(copy.name, options.layout)
        do {
            try copy.copy(to: target, replacing: place.force) { file in
                if !options.json { StandardError.write("\(Terminal.safe(file))\n") }
            }
        } catch { throw ModelsPull.failure(error) }
        let summary = ModelSummary(name: DurableFiles.split(target).name, path: target)
        if options.json { return try StandardOutput.json(summary.json) }
        try StandardOutput.line(
            "\(target): " + (summary.obstacle.map { "it cannot be trained: \(Terminal.safe($0))" } ?? "it can be trained"))
    }
}
