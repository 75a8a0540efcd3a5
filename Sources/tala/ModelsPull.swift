import ArgumentParser
import CommandLineTools
import Glibc
import Hub
import JSON
import Models
import Storage

/// `tala models pull`.
struct ModelsPull: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Download a model from a hub.",
        discussion: """
            The hub is https://huggingface.co, or the one that HF_ENDPOINT names. A token for models that are not open to everybody is taken from HF_TOKEN \
            or ~/.cache/huggingface/token. Only the files that a job needs are fetched: configuration, tokenizer, templates, one form of the weights, card \
            and licence. Each is verified by its digest. The same command goes on with a download that was broken off. Of a repository of GGUF files one is \
            fetched: OWNER/NAME:Q4_K_M means the file whose name ends with -Q4_K_M.gguf, with its parts.
            """)
    @OptionGroup var options: SpoolOptions
    @OptionGroup var place: ModelFolderOption
    @Flag(help: "Download also a model that cannot be trained here.") var any = false
    @Argument(help: "OWNER/NAME, or OWNER/NAME:VARIANT for one of its GGUF files; @REVISION behind it is a branch, a tag or a commit.")
    var model: String

    func run() throws {
        let reference: HubReference
        do throws(HubError) { reference = try HubReference(model) } catch { throw CommandFailure(.usage, "\(error)") }
        let target = try place.target(reference.localName, options.layout)
        var line = DownloadLine()
        let outcome: HubPull.Outcome
        do {
            let client = HubClient(try HubEndpoint())
            outcome = try HubPull(reference, from: client, to: target, replacing: place.force).run(examine: examine) { progress in
                if !options.json { line.show(progress.file, bytesDone: progress.bytesDone, bytesTotal: progress.bytesTotal) }
            }
        } catch {
            line.finish()
            throw Self.failure(error)
        }
        line.finish()
        let summary = ModelSummary(name: DurableFiles.split(target).name, path: target)
        if options.json {
            let more = [JSONMember("commit", JSONNode(outcome.commit)), JSONMember("file_count", JSONNode(outcome.fileCount))]
            return try StandardOutput.json(JSONNode((summary.json.object ?? []) + more))
        }
        try StandardOutput.line(
            "\(target) is \(reference.repository) at \(outcome.commit.prefix(12)): \(outcome.fileCount) files, "
                + "\(DownloadLine.size(outcome.byteCount)), every digest as the hub says")
        if let reason = summary.obstacle { try StandardOutput.line("it cannot be trained: " + Terminal.safe(reason)) }
        try StandardOutput.line("its licence: " + Terminal.safe(summary.licence ?? "its card names none; look at the model's page"))
    }

    /// Looks at config.json before the weights come.
    private func examine(_ folder: String) throws {
        guard !any else { return }
        do { _ = try ModelConfiguration(folder: folder) } catch {
            throw CommandFailure(
                .invalid,
                "\(reference): it cannot be trained: \("\(error)".replacing(folder + "/", with: "")); nothing more is downloaded, unless --any is given"
            )
        }
    }

    private var reference: String { Terminal.safe(model) }

    static func failure(_ error: any Error) -> any Error {
        guard let error = error as? HubError else {
            return (error as? StorageError).map { CommandFailure(.failed, "\($0)") } ?? error
        }
        switch error {
        case .refused(let refusal) where [401, 403, 404].contains(refusal.status): return CommandFailure(.notFound, "\(error)")
        case .badReference, .badEndpoint, .badToken, .variant: return CommandFailure(.usage, Terminal.safe("\(error)"))
        default: return CommandFailure(.failed, Terminal.safe("\(error)"))
        }
    }
}
