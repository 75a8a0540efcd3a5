import ArgumentParser
import CommandLineTools
import Export
import GGUF
import JSON
import Models
import Storage
import Tensors

/// `tala export`: a result or a checkpoint in another form.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a result or a checkpoint in another form.",
        discussion: """
            gguf is one file with the whole model, for llama.cpp, Ollama and LM Studio; gguf-adapter the adapter alone, for llama.cpp; merged a folder for \
            transformers. The source is a job, or a folder: a model, or an adapter with its base (--base). The output is written whole or not at all.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(help: "gguf, gguf-adapter or merged.") var format = "gguf"
    @Option(help: "Of gguf: f32, f16, bf16 or q8_0.") var type = "f16"
    @Option(help: "The base model of an adapter's folder: a name in models/ or a folder.", completion: ModelCompletion.names) var base:
        String?
    @Option(help: "What the model is called in the file. Without it, the base's name with the job's suffix.") var name: String?
    @Flag(help: "Replace what is there.") var force = false
    @Argument(help: "A job's id, or a folder.", completion: JobCompletion.all) var source: String
    @Argument(help: "The file to write, or the folder with merged.", completion: .file()) var output: String

    func validate() throws {
        guard ["gguf", "gguf-adapter", "merged"].contains(format) else {
            throw ValidationError("--format is gguf, gguf-adapter or merged, not \"\(format)\"")
        }
        guard GGUFType(rawValue: type) != nil else {
            throw ValidationError("--type is \(GGUFType.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(type)\"")
        }
    }

    func run() throws {
        guard force || !FolderListing.exists(output) else {
            throw CommandFailure(.failed, "\(output) is there already; --force replaces it")
        }
        do {
            let source = try ExportSource(source, base: base, wantsAdapter: format == "gguf-adapter", options)
            let name = name ?? source.name
            switch format {
            case "gguf":
                var line = DownloadLine()
                try GGUFExport.writeModel(
                    source.model, try source.rows(), type: GGUFType(rawValue: type) ?? .f16, name: name, to: output
                ) { done, total in if !options.json { line.show(output, bytesDone: done, bytesTotal: total) } }
                line.finish()
            case "gguf-adapter":
                guard let adapter = source.adapter else { throw CommandFailure(.invalid, "\(self.source) has no adapter") }
                try GGUFExport.writeAdapter(adapter.modules, numbers: adapter.numbers, base: source.model, name: name, to: output)
            default: try source.writeMerged(to: output)
            }
        } catch let error as CommandFailure { throw error } catch { throw CommandFailure(.invalid, Terminal.safe("\(error)")) }
        if options.json {
            return try StandardOutput.json(["output": JSONNode(output), "format": JSONNode(format)], isIndented: false)
        }
        try StandardOutput.line("\(output) is written" + (format == "gguf" ? "; llama-cli -m \(output), or lms import \(output)" : ""))
    }
}
