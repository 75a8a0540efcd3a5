import ArgumentParser
import CommandLineTools
import Datasets
import Glibc
import JSON
import Jobs
import Manifest
import Preparation
import Spool
import Storage

/// `tala init`: a commented manifest to begin with.
struct Initialize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented manifest to begin with.",
        discussion: """
            What is not given is asked for on a terminal, with the models and data files of the spool as proposals. Where model and data are there, the \
            comments say what the plan of the job is on this machine. Check the manifest with tala validate, see what it needs with tala plan, then \
            tala submit it. Exit codes: 0 written, 1 the file is there already, 2 something is missing.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(help: "A name in models/, a finished job's id, or a folder's absolute path.", completion: ModelCompletion.names) var model:
        String?
    @Option(help: "The training file: in files/, or beside the manifest.", completion: .file(extensions: ["jsonl", "json", "txt", "gz"]))
    var data: String?
    @Option(
        help: "What the data holds: chat, completion (prompt and completion) or text (pretraining).",
        completion: .list(ManifestTemplate.Task.allCases.map(\.rawValue)))
    var task: String?
    @Flag(help: "Train all weights, not an adapter.") var full = false
    @Flag(help: "Replace a file that is there.") var force = false
    @Option(name: .shortAndLong, help: "The manifest to write; - is standard output.", completion: .file(extensions: ["yaml", "yml"]))
    var output = "manifest.yaml"

    func validate() throws {
        if let task, ManifestTemplate.Task(rawValue: task) == nil {
            throw ValidationError("--task is \(ManifestTemplate.Task.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(task)\"")
        }
    }

    func run() throws {
        guard output == "-" || force || !FolderListing.exists(output) else {
            throw CommandFailure(.failed, "\(output) is there already; --force replaces it, --output names another file")
        }
        let layout = options.layout
        let model = try model ?? ask("model", among: layout.modelNames)
        let data = try data ?? ask("data", among: ((try? FolderListing.names(in: layout.files)) ?? []).filter { !$0.hasPrefix(".") })
        let known = ManifestTemplate.Task.allCases.map(\.rawValue)
        let word = try task ?? (data.contains(".txt") ? "text" : ask("task", among: known))
        guard let task = ManifestTemplate.Task(rawValue: word) else {
            throw CommandFailure(.usage, "the task is \(known.joined(separator: ", ")), not \"\(Terminal.safe(word))\"")
        }
        var template = ManifestTemplate(model: model, data: data, task: task, trainsAllWeights: full || task == .text)
        let manifest: Manifest
        // What is written here must be right: a manifest to begin with that is refused would teach
        // nothing.
        do throws(ManifestError) { manifest = try Manifest(ManifestText(Array(template.text.utf8), isYAML: true)) } catch {
            throw CommandFailure(error, file: output)
        }
        let folder = output == "-" ? "." : DurableFiles.split(output).folder
        do { template.plan = try ManifestTemplate.Plan(manifest, folder: folder, layout) } catch {
            // The manifest is as good without: model or data may come later.
            StandardError.write("the comments say nothing of this machine: \(Terminal.safe(Self.reason(error)))\n")
        }
        let text = template.text
        if output == "-" { return try StandardOutput.write(text) }
        try DurableFiles.replace(output, with: text)
        if options.json {
            try StandardOutput.json(["manifest": JSONNode(output), "model": JSONNode(model), "data": JSONNode(data)], isIndented: false)
        } else {
            try StandardOutput.line("\(output) is written. Next: tala validate \(output); tala plan \(output); tala submit \(output)")
        }
    }

    /// Why there is no plan, in a line.
    private static func reason(_ error: any Error) -> String {
        let text: String
        if case PreparationError.invalidData(let reports) = error {
            text = reports.flatMap(\.problems.first).first.map { "\($0)" } ?? "\(error)"
        } else {
            text = "\(error)"
        }
        return String(text.prefix { $0 != "\n" })
    }

    /// Asks for what was not given, where there is a terminal to ask on.
    private func ask(_ name: String, among proposals: [String]) throws -> String {
        guard isatty(STDIN_FILENO) == 1, !options.json else {
            throw CommandFailure(
                .usage,
                "--\(name) is missing"
                    + (proposals.isEmpty ? "" : "; there are \(proposals.prefix(20).map(Terminal.safe).joined(separator: ", "))"))
        }
        for (number, proposal) in proposals.prefix(20).enumerated() { StandardError.write("  \(number + 1)  \(Terminal.safe(proposal))\n") }
        StandardError.write("\(name)\(proposals.isEmpty ? "" : " (a number or a name)"): ")
        guard let answer = readLine()?.trimmed, !answer.isEmpty else { throw CommandFailure(.usage, "--\(name) is missing") }
        if let number = Int(answer), proposals.prefix(20).indices.contains(number - 1) { return proposals[number - 1] }
        return answer
    }
}

extension String {
    /// Without spaces at both ends.
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
