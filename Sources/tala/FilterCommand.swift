import ArgumentParser
import CommandLineTools
import Devices
import Filtering
import Glibc
import JSON
import Jobs
import Manifest
import Models
import Spool
import Storage
import Tensors
import Training

/// `tala filter`: what a deployment's filter would say.
struct FilterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter", abstract: "Check texts as a deployment's content filter does.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every line of a data file before a job trains on it.",
            discussion: """
                Every text of a line is checked: what people ask with the thresholds of the prompt, all else with those of the completion. Findings name line, \
                category and list, never the text. Exit codes: 0 nothing is filtered, 1 something is.
                """)
        @Option(help: "The spool whose filters/ and deployments/ are meant (also: TALA_SPOOL).") var spool: String?
        @Option(help: "A list in filters/ of the spool, or the path of one; may be repeated.") var list: [String] = []
        @Option(help: "Check with the filter of this deployment.") var deployment: String?
        @Option(help: "A finished classification job, or the folder of a classifier.", completion: JobCompletion.all) var model: String?
        @Option(help: "The classifier's device.") var device = "cpu"
        @Flag(help: "Print one JSON object, also for an error.") var json = false
        @Argument(help: "The file: JSON Lines, or plain text.", completion: .file()) var file: String

        func run() throws {
            let layout = SpoolLayout(root: spool ?? getenv("TALA_SPOOL").map { String(cString: $0) } ?? "/var/spool/tala")
            let checker = try checker(layout)
            var report = FilterReport(file: file)
            let reader = try InputLines(path: file)
            while let line = try reader.next() {
                report.lineCount += 1
                do { for finding in try checker.findings(line.text, line: line.number) { report.findings.append(finding) } } catch {
                    throw CommandFailure(.invalid, "line \(line.number) cannot be checked: \(error)")
                }
            }
            if json {
                try StandardOutput.json(report.json)
            } else {
                for finding in report.findings.prefix(100) { try StandardOutput.line(plain(finding.text)) }
                try StandardOutput.line(plain(report.sentence))
            }
            if !report.findings.isEmpty { throw CommandExit.failed.code }
        }

        private func checker(_ layout: SpoolLayout) throws -> LineChecker {
            var policy = FilterPolicy(blockLists: list)
            var folder = try model.map { try Self.folder($0, layout) }
            if let deployment {
                do {
                    let files = DeploymentFiles(layout)
                    guard Deployment.isName(deployment), FolderListing.exists(files.file(deployment)) else {
                        throw CommandFailure(.notFound, "there is no deployment \(deployment)")
                    }
                    let described = try files.deployment(deployment)
                    guard let own = FilterPolicy(described.json["filter"]) else {
                        throw CommandFailure(.invalid, "the deployment \(deployment) has no filter")
                    }
                    policy = own
                    policy.blockLists += list
                    folder = try folder ?? files.place(of: described).filter
                } catch let error as ManifestError { throw CommandFailure(error, file: deployment) }
            }
            guard !policy.blockLists.isEmpty || folder != nil else {
                throw ValidationError("name a list with --list, a deployment with --deployment, or a classifier with --model")
            }
            let lists = try policy.blockLists.map { name in
                let path = name.contains("/") ? name : layout.filters + "/" + name + ".txt"
                do {
                    return try BlockList(name: name, String(decoding: DurableFiles.read(path, limit: BlockList.byteLimit), as: UTF8.self))
                } catch { throw CommandFailure(.invalid, "\(error)") }
            }
            let classifier = try folder.map { try TextClassifier(folder: $0, device: Devices.make(device) { _ in }) }
            return LineChecker(policy: policy, lists: lists, classifier: classifier)
        }

        private static func folder(_ name: String, _ layout: SpoolLayout) throws -> String {
            guard JobIdentifier.isJob(name) else { return name }
            guard let folder = ModelFolders.model(inResult: layout.job(name).result) else {
                throw CommandFailure(.notFound, "the job \(name) has no finished model")
            }
            return folder
        }
    }
}

/// Checks the texts of a line of data.
struct LineChecker {
    let policy: FilterPolicy
    let lists: [BlockList]
    let classifier: TextClassifier?

    /// Members whose strings say what a text is, and are none.
    private static let names: Set<String> = ["role", "type", "id", "name", "tool_call_id"]

    func findings(_ line: String, line number: Int) throws -> [FilterReport.Finding] {
        var found: [FilterReport.Finding] = []
        for (text, side) in Self.texts(of: line) where !text.isEmpty {
            var results = FilterResults()
            if !lists.isEmpty { policy.judge(blockLists: lists.filter { $0.match(in: text) != nil }.map(\.name), into: &results) }
            if let classifier {
                let tokens = classifier.tokens(of: text)
                if !tokens.isEmpty, let answer = try classifier.classify([tokens]).first {
                    policy.judge(classifier.labels.names, answer.probabilities, side, into: &results)
                }
            }
            if results.isFiltered { found.append(FilterReport.Finding(line: number, side: side, results: results)) }
        }
        return found
    }

    /// Every text of a record, with the side that it is on; the line itself where it is no record.
    static func texts(of line: String) -> [(text: String, side: FilterPolicy.Side)] {
        guard let node = try? JSONParser().parse(line), node.object != nil else { return [(line, .prompt)] }
        var all: [(text: String, side: FilterPolicy.Side)] = []
        func collect(_ node: JSONNode, _ side: FilterPolicy.Side) {
            if let text = node.string { return all.append((text, side)) }
            for element in node.array ?? [] { collect(element, side) }
            guard let members = node.object else { return }
            var side = side
            if let role = node["role"]?.string { side = role == "assistant" ? .completion : .prompt }
            for member in members where !names.contains(member.key) {
                let isAnswer = ["completion", "chosen", "rejected", "preferred_output", "non_preferred_output"].contains(member.key)
                collect(member.node, isAnswer ? .completion : side)
            }
        }
        collect(node, .prompt)
        return all
    }
}

/// What was found in a file.
struct FilterReport {
    struct Finding {
        var line: Int
        var side: FilterPolicy.Side
        var results: FilterResults

        var text: String { "line \(line), \(side.rawValue): \(results.filteredCategories.joined(separator: ", "))" }
    }
    let file: String
    var lineCount = 0
    var findings: [Finding] = []

    init(file: String) { self.file = file }

    var sentence: String {
        findings.isEmpty
            ? "\(file): nothing is filtered in \(lineCount) lines"
            : "\(file): \(Set(findings.map(\.line)).count) of \(lineCount) lines hold what is filtered"
    }

    var json: JSONNode {
        [
            "file": JSONNode(file), "lines": JSONNode(lineCount), "filtered_lines": JSONNode(Set(findings.map(\.line)).count),
            "findings": JSONNode(
                findings.prefix(1000).map {
                    ["line": JSONNode($0.line), "side": JSONNode($0.side.rawValue), "content_filter_results": $0.results.json]
                }),
        ]
    }
}
