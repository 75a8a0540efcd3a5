import ArgumentParser
import CommandLineTools
import Export
import JSON
import Models
import Storage
import Tensors

/// `tala merge`: adapters of one model as one adapter.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Add several adapters of one model up to one.",
        discussion: """
            The new adapter does what the given ones do together, each times its weight: ranks add up, and the sum is exact. Each is a job, a checkpoint or \
            an adapter's folder, with =WEIGHT behind it where the weight is not 1: tala merge ftjob-A=0.7 ftjob-B=0.3 --output mixed. To put an adapter into \
            its model: tala export --format merged.
            """)
    @OptionGroup var options: SpoolOptions
    @Option(
        help: "The model that all are for: a name in models/ or a folder. Without it, that of the jobs.", completion: ModelCompletion.names)
    var base: String?
    @Option(name: [.short, .long], help: "The folder to write.", completion: .directory) var output: String
    @Flag(help: "Replace what is there.") var force = false
    @Argument(
        help: "Jobs' ids, checkpoints (ID:step-000100) or adapters' folders, each with =WEIGHT or without.", completion: JobCompletion.all)
    var adapters: [String]

    /// An adapter as it was named.
    private struct Named {
        var source: String
        var weight: Double

        /// - Throws: `ValidationError` for a weight that is no number of usual size.
        init(_ text: String) throws {
            guard let mark = text.lastIndex(of: "="), !FolderListing.isFolder(text) else {
                (source, weight) = (text, 1)
                return
            }
            guard let number = Double(text[text.index(after: mark)...]), number.isFinite, abs(number) <= 1e6 else {
                throw ValidationError("\"\(text)\" has no number from -1000000 to 1000000 behind its =")
            }
            (source, weight) = (String(text[..<mark]), number)
        }
    }

    func validate() throws {
        let named = try adapters.map { try Named($0) }
        guard named.count > 1 || named.contains(where: { $0.weight != 1 }) else {
            throw ValidationError("one adapter with the weight 1 is what it is: name several, or a weight (ADAPTER=0.5)")
        }
    }

    func run() throws {
        guard force || !FolderListing.exists(output) else {
            throw CommandFailure(.failed, "\(output) is there already; --force replaces it")
        }
        let named = try adapters.map { try Named($0) }
        var remarks: [String] = []
        let merge: AdapterMerge
        do {
            let sources = try named.map { try ExportSource($0.source, base: base, wantsAdapter: true, options) }
            var parts: [AdapterMerge.Part] = []
            for (entry, source) in zip(named, sources) {
                guard let adapter = try source.plainAdapter(for: "the sum of several adapters is matrices on linear layers alone") else {
                    throw CommandFailure(.invalid, "\(entry.source) has no adapter")
                }
                parts.append(.init(modules: adapter.modules, weight: entry.weight, numbers: adapter.numbers))
            }
            guard let first = sources.first else { return }
            if let other = sources.first(where: { $0.model.path != first.model.path }) {
                throw CommandFailure(
                    .invalid, "the adapters are for two models, \(first.model.path) and \(other.model.path): name the one with --base")
            }
            merge = try AdapterMerge(parts, on: first.linearModules)
            let generations = sources.map(\.generation)
            let generation = generations.compactMap { $0 }.first
            if generations.contains(where: { $0 != nil && $0 != generation }) {
                remarks.append("The adapters' generation_config.json differ: written is that of the first one that has any")
            }
            let model = try first.model(with: merge.settings)
            try WholeFolder.build(output) { try merge.write(model, baseName: first.baseName, generation: generation, to: $0) }
        } catch let error as CommandFailure { throw error } catch { throw CommandFailure(.invalid, Terminal.safe("\(error)")) }
        if options.json {
            let list = named.map { entry -> JSONNode in ["adapter": JSONNode(entry.source), "weight": JSONNode(entry.weight)] }
            return try StandardOutput.json(
                [
                    "output": JSONNode(output), "adapters": JSONNode(list), "rank": JSONNode(merge.rank),
                    "modules": JSONNode(merge.moduleCount), "remarks": JSONNode(remarks.map { JSONNode($0) }),
                ], isIndented: false)
        }
        try StandardOutput.line("\(output) is written: rank \(merge.rank), \(merge.moduleCount) modules")
        for remark in remarks { try StandardOutput.line("Note: \(remark)") }
    }
}
