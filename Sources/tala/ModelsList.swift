import ArgumentParser
import CommandLineTools
import JSON
import Spool

/// `tala models list`.
struct ModelsList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the models of the spool, with what is known of each and whether it can be trained.")
    @OptionGroup var options: SpoolOptions

    func run() throws {
        let layout = try options.opened()
        let summaries = layout.modelNames.map { ModelSummary(name: $0, path: layout.models + "/" + $0) }
        if options.json {
            return try StandardOutput.json(["object": "list", "data": JSONNode(summaries.map(\.json)), "has_more": false])
        }
        guard !summaries.isEmpty else {
            return try StandardOutput.line("no models in \(layout.models); tala models pull OWNER/NAME downloads one")
        }
        var table = TextTable(ModelSummary.columns)
        for summary in summaries { table.add(summary.cells) }
        try StandardOutput.line(table.text())
    }
}
