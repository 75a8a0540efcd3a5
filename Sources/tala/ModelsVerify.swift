import ArgumentParser
import CommandLineTools
import JSON
import Jobs
import Spool
import Storage

/// `tala models verify`.
struct ModelsVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read every byte of a model and compare it with the digests of its download.",
        discussion: """
            Of a model that was not brought by pull or add there are no digests: then only its configuration and the headers and sizes of its weights are \
            checked. Exit codes: 0 whole, 1 damaged or not usable.
            """)
    @OptionGroup var options: SpoolOptions
    @Argument(help: "Names in models/, or models' folders; all of models/ if left out.", completion: ModelCompletion.names)
    var models: [String] = []

    private struct Verdict {
        var name: String
        var fault: String?
        var hasDigests: Bool

        var json: JSONNode {
            [
                "name": JSONNode(name), "whole": JSONNode(fault == nil), "digests": JSONNode(hasDigests),
                "fault": fault.map { JSONNode($0) } ?? .null,
            ]
        }
        var text: String {
            if let fault { return "\(name): \(fault)" }
            return "\(name): " + (hasDigests ? "whole, every file has its digest" : "there are no digests; headers and sizes are right")
        }
    }

    func run() throws {
        let names = models.isEmpty ? try options.opened().modelNames : models
        let verdicts = try names.map { name in try verdict(name, try ModelsCommand.folder(name, options.layout)) }
        let isWhole = verdicts.allSatisfy { $0.fault == nil }
        if options.json {
            try StandardOutput.json(["whole": JSONNode(isWhole), "models": JSONNode(verdicts.map(\.json))])
        } else {
            for verdict in verdicts { try StandardOutput.line(Terminal.safe(verdict.text)) }
        }
        if !isWhole { throw CommandExit.failed.code }
    }

    private func verdict(_ name: String, _ path: String) throws -> Verdict {
        guard FolderListing.exists(path + "/" + WholeFolder.listName) else {
            return Verdict(name: name, fault: ModelSummary(name: name, path: path).obstacle, hasDigests: false)
        }
        return Verdict(name: name, fault: try WholeFolder.verify(path), hasDigests: true)
    }
}
