import ArgumentParser
import CommandLineTools
import Hub
import JSON
import Models
import Storage
import Tensors
import Tokenization

/// `tala models show`.
struct ModelsShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of one model.",
        discussion: "Reads config.json, the headers of the weights and the tokenizer; no weight is read. verify reads every byte.")
    @OptionGroup var options: SpoolOptions
    @Argument(help: "A name in models/, or a model's folder.", completion: ModelCompletion.names) var model: String

    func run() throws {
        let path = try ModelsCommand.folder(model, options.layout)
        let summary = ModelSummary(name: model, path: path)
        let encoder = try? ChatEncoder(TokenizerTexts(ModelFolders.open(path)))
        let files = ((try? FolderListing.names(in: path)) ?? []).filter { !$0.hasPrefix(".") }
        let hasTemplate = encoder.map { !$0.templates.isEmpty } ?? false
        if options.json {
            let more = [
                JSONMember("vocabulary", encoder.map { JSONNode($0.tokenizer.vocabularySize) } ?? .null),
                JSONMember("chat_template", JSONNode(hasTemplate)), JSONMember("files", JSONNode(files.map { JSONNode($0) })),
            ]
            return try StandardOutput.json(JSONNode((summary.json.object ?? []) + more))
        }
        var rows = zip(ModelSummary.columns, summary.cells).map { ($0.lowercased(), $1) }
        rows.append(("vocabulary", encoder.map { "\($0.tokenizer.vocabularySize) tokens" } ?? "its tokenizer cannot be read"))
        rows.append(("chat template", hasTemplate ? "yes" : "no: it cannot be trained on conversations, unless a template is added"))
        if let source = summary.source {
            rows.append(("source", [source.place, source.repository, source.commit].compactMap { $0 }.joined(separator: "  ")))
        }
        rows.append(("path", path))
        // A GGUF file is all there is of its model.
        if !files.isEmpty { rows.append(("files", files.joined(separator: ", "))) }
        let width = rows.map(\.0.count).max() ?? 0
        for (name, value) in rows {
            try StandardOutput.line(name + String(repeating: " ", count: width - name.count) + "  " + Terminal.safe(value))
        }
    }
}
