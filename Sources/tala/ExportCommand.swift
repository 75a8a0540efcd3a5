import ArgumentParser
import CommandLineTools
import Export
import GGUF
import JSON
import Storage

/// `tala export`: a result or a checkpoint in another form.
struct ExportCommand: ParsableCommand {
    private enum Form: String, CaseIterable, ExpressibleByArgument {
        case gguf, merged
        case ggufAdapter = "gguf-adapter"
    }

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a result or a checkpoint in another form.",
        discussion: """
            gguf is one file with the whole model, for llama.cpp, Ollama and LM Studio, with a Modelfile beside it; gguf-adapter the adapter alone, for \
            llama.cpp; merged a folder for transformers. The source is a job, a checkpoint or another folder: a model, or an adapter with its base (--base). \
            The output is written whole or not at all; where writing gguf was broken off, the same command goes on. With --imatrix the blocks of a \
            quantised type are those that err least where the model's own texts need it.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(help: "gguf, gguf-adapter or merged.") private var format = Form.gguf
    @Option(
        help: "Of gguf: f32, f16, bf16, q8_0, q6_k, q5_k_m, q4_k_m, q4_0 or mxfp4. Without it 16 bits, as the model has them.")
    var type: String?
    @Option(help: "The base model of an adapter's folder: a name in models/ or a folder.", completion: ModelCompletion.names) var base:
        String?
    @Option(help: "What the model is called in the file. Without it, the base's name with the job's suffix.") var name: String?
    @OptionGroup var importance: ImportanceOptions
    @Flag(help: "Replace what is there.") var force = false
    @Argument(help: "A job's id, one of its checkpoints (ID:step-000100), or a folder.", completion: JobCompletion.all) var source: String
    @Argument(help: "The file to write, or the folder with merged.", completion: .file()) var output: String

    func validate() throws {
        if let type, GGUFMix(rawValue: type) == nil {
            throw ValidationError("--type is \(GGUFMix.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(type)\"")
        }
        if type != nil, format != .gguf { throw ValidationError("--type is of gguf alone") }
        if importance.imatrix != nil, format != .gguf { throw ValidationError("--imatrix is of gguf alone") }
        if importance.imatrix != nil, GGUFMix(rawValue: type ?? "f16")?.main.mindsWeights != true {
            let types = GGUFMix.allCases.filter(\.main.mindsWeights).map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--imatrix is of a --type that is rounded by it: \(types)")
        }
    }

    func run() throws {
        guard force || !FolderListing.exists(output) else {
            throw CommandFailure(.failed, "\(output) is there already; --force replaces it")
        }
        var remarks: [String] = []
        var type: String?
        do {
            let source = try ExportSource(source, base: base, wantsAdapter: format == .ggufAdapter, options)
            let name = name ?? source.name
            switch format {
            case .gguf:
                let texts = try source.texts()
                let rows = try source.rows()
                var plan = try GGUFPlan(texts, source.weights, mix: self.type.flatMap { GGUFMix(rawValue: $0) }, name: name)
                if let matrix = try importance.matrix(of: source, isSilent: options.json) { plan = try plan.weighted(by: matrix) }
                var line = DownloadLine()
                try GGUFExport.writeModel(plan, rows, to: output) { done, total in
                    if !options.json { line.show(output, bytesDone: done, bytesTotal: total) }
                }
                line.finish()
                let modelfile = Modelfile(texts, contextLength: source.contextLength)
                try DurableFiles.replace(output + ".Modelfile", with: modelfile.text(from: "./" + DurableFiles.split(output).name))
                (remarks, type) = (plan.remarks, plan.mix.rawValue)
            case .ggufAdapter:
                guard let adapter = try source.plainAdapter() else { throw CommandFailure(.invalid, "\(self.source) has no adapter") }
                try GGUFExport.writeAdapter(
                    adapter.modules, numbers: { adapter.numbers($0) }, base: source.texts(), name: name, to: output)
            case .merged: try source.writeMerged(to: output)
            }
        } catch let error as CommandFailure { throw error } catch { throw CommandFailure(.invalid, Terminal.safe("\(error)")) }
        if options.json {
            return try StandardOutput.json(
                [
                    "output": JSONNode(output), "format": JSONNode(format.rawValue), "type": type.map { JSONNode($0) } ?? nil,
                    "remarks": JSONNode(remarks.map { JSONNode($0) }),
                ], isIndented: false)
        }
        try StandardOutput.line("\(output) is written")
        for remark in remarks { try StandardOutput.line("Note: \(remark)") }
        guard format == .gguf else { return }
        try StandardOutput.line(
            """
            llama.cpp:  llama-cli -m \(output)
            Ollama:     ollama create NAME -f \(output).Modelfile
            LM Studio:  lms import \(output)
            """)
    }
}
