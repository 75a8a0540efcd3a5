import ArgumentParser
import CommandLineTools
import Devices
import Glibc
import JSON
import Jobs
import Models
import Spool
import Storage
import Tensors
import Tokenization
import Training

/// `tala classify`: the classes of texts, line by line.
struct Classify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say of which class texts or conversations are.",
        discussion: "Reads one text a line, or one JSON object with text or messages. Writes one JSON object a line, with label (labels, "
            + "where a text may have several) and probabilities.")
    @Option(help: "A finished classification job, or a model's folder.", completion: JobCompletion.all) var model: String
    @Option(help: "The spool of the job (also: TALA_SPOOL).", completion: .directory) var spool: String?
    @Option(
        help: ArgumentHelp(
            "An adapter with a head for classes (PEFT's SEQ_CLS) that is used with the model of a folder.", valueName: "folder"),
        completion: .directory)
    var adapter: String?
    @Option(
        help: ArgumentHelp(
            "With --adapter: the classes in the order of the head's rows, divided by commas; their numbers if left out.", valueName: "names"
        ))
    var labels: String?
    @Flag(help: "With --adapter: a text may have any number of classes.") var multiLabel = false
    @Option(help: "Tokens of a text that are looked at, at most.") var maxLength: Int?
    @Option(help: "The device.") var device = "cpu"
    @Flag(help: "Print an error as a JSON object too.") var json = false
    @Argument(help: "The file with the lines; without it, standard input.", completion: .file()) var file: String?

    /// Texts that are looked at together.
    private static let batchCount = 64

    func validate() throws {
        if adapter == nil, labels != nil || multiLabel { throw ValidationError("--labels and --multi-label are of an --adapter") }
        guard (1...16_777_216).contains(maxLength ?? 1) else { throw ValidationError("--max-length is out of range") }
    }

    func run() throws {
        do {
            let chosen = try Devices.make(device) { StandardError.write(plain("the processor stands in: \($0)") + "\n") }
            let names = labels.map { $0.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }.map(String.init) } ?? []
            let used = adapter.map { TextClassifier.Adapter(folder: $0, labels: names, isMultiLabel: multiLabel ? true : nil) }
            let classifier = try TextClassifier(folder: folder(), adapter: used, device: chosen, maximumLength: maxLength)
            var pending: [[Int32]] = []
            func flush() throws {
                for answer in try classifier.classify(pending) {
                    try StandardOutput.json(Self.node(answer, classifier.labels), isIndented: false)
                }
                pending = []
            }
            let reader = try InputLines(path: file)
            while let line = try reader.next() {
                if let tokens = try Self.tokens(line.text, line.number, classifier) { pending.append(tokens) }
                // Whoever types lines wants an answer to each.
                if pending.count >= Self.batchCount || (reader.isInteractive && !pending.isEmpty) { try flush() }
            }
            try flush()
        } catch let error as CommandFailure {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            throw CommandFailure(.invalid, "\(error)")
        }
    }

    /// The folder of a model: a job's result, or the one that is named.
    private func folder() throws -> String {
        guard JobIdentifier.isJob(model) else {
            guard FolderListing.isFolder(model) else {
                throw CommandFailure(.notFound, "there is no folder \(model); name a finished classification job, or a model's folder")
            }
            return model
        }
        let job = SpoolOptions.layout(spool).job(model)
        guard let folder = ModelFolders.model(inResult: job.result) else {
            throw CommandFailure(.notFound, "the job \(model) has no finished model")
        }
        return folder
    }

    /// The tokens of a line; nil for a blank one.
    private static func tokens(_ line: String, _ number: Int, _ classifier: TextClassifier) throws -> [Int32]? {
        func failure(_ message: String) -> CommandFailure { CommandFailure(.invalid, "line \(number): \(message)") }
        if line.allSatisfy(\.isWhitespace) { return nil }
        var tokens: [Int32]
        if line.hasPrefix("{") {
            let record: JSONNode
            do throws(JSONError) { record = try JSONParser().parse(line) } catch { throw failure("\(error)") }
            if let text = record["text"]?.string {
                tokens = classifier.tokens(of: text)
            } else if let messages = record["messages"] {
                do throws(ChatError) { tokens = try classifier.tokens(of: messages) } catch { throw failure("\(error)") }
            } else {
                throw failure("has neither text nor messages")
            }
        } else {
            tokens = classifier.tokens(of: line)
        }
        guard !tokens.isEmpty else { throw failure("holds no token") }
        return tokens
    }

    private static func node(_ answer: TextClassifier.Answer, _ labels: ModelLabels) -> JSONNode {
        let found: JSONMember =
            labels.isMultiLabel
            ? JSONMember("labels", JSONNode(answer.labels.map { JSONNode($0) }))
            : JSONMember("label", JSONNode(answer.labels.first ?? ""))
        let probabilities = zip(labels.names, answer.probabilities).map { JSONMember($0, JSONNode($1)) }
        return JSONNode([found, JSONMember("probabilities", JSONNode(probabilities))])
    }
}
