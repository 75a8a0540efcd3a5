import Datasets
import JSON
import Manifest
import Preparation
import Spool
import Storage
import Tokenization
import Training

/// A few examples with the losses that the trained model has on them, kept beside the result: a
/// server computes them again before it answers with the model.
///
/// The losses tell whether weights and adapter are the same; the tokens of conversations tell
/// whether the template and the tokenizer are.
struct ReplayRecord {
    private let path: String
    /// Nil where the objective's loss is not that of the tokens, or nothing is short enough.
    private let node: JSONNode?

    /// Tokens of an example that is kept, at most.
    private static let longest = 4096
    /// Bytes of a data file that is read again for its conversations, at most.
    private static let dataLimit = 64 << 20

    /// Computes the losses with the parameters that the session has now.
    init(job: PreparedJob, run: TrainingRun, folder: JobFolder) throws {
        path = folder.replayFile
        guard Self.isPlain(job.manifest), let all = try run.firstExamplesWithLosses(ResultReplay.exampleCount) else {
            node = nil
            return
        }
        let lines = Self.lines(all.map(\.line), job, run, folder)
        let examples = all.compactMap { sample, line, measures -> JSONNode? in
            let loss = measures[Measures.loss]
            guard sample.runs.count == 1, let example = sample.runs.first, example.ids.count <= Self.longest,
                // Weights of examples and messages make another loss of it.
                loss.weight == Double(example.trainedTokenCount), loss.weight > 0
            else { return nil }
            var members = [
                JSONMember("ids", JSONNode(example.ids.map { JSONNode(Int($0)) })),
                JSONMember("trained", JSONNode(example.isTrained.map { JSONNode($0 ? 1 : 0) })), JSONMember("loss", JSONNode(loss.mean)),
            ]
            if let line = lines[line], let prompt = Self.prompt(line, job.encoder) { members += prompt }
            return JSONNode(members)
        }
        node =
            examples.isEmpty
            ? nil
            : [
                "precision": JSONNode(job.precision), "base_weights": JSONNode(job.plan.baseWeights.rawValue),
                "examples": JSONNode(examples),
            ]
    }

    /// - Throws: ``StorageError``.
    func write() throws(StorageError) {
        guard let node else { return }
        try DurableFiles.replace(path, with: JSONWriter().string(node) + "\n")
    }

    /// Whether the loss is the mean of the tokens' own, with nothing added.
    private static func isPlain(_ manifest: Manifest) -> Bool {
        switch manifest.method.specification {
        case let method as Manifest.Supervised: method.labelSmoothing == 0 && method.zLoss == 0
        case let method as Manifest.Pretraining: method.labelSmoothing == 0 && method.zLoss == 0
        default: false
        }
    }

    /// The records of lines, where the data is a file of plain lines.
    private static func lines(_ numbers: [Int], _ job: PreparedJob, _ run: TrainingRun, _ folder: JobFolder) -> [Int: JSONNode] {
        let isOwnFile = run.validation != nil && job.manifest.validationFile != nil
        let file = folder.path + "/data/" + (isOwnFile ? "validation" : "training") + ".jsonl"
        guard let last = numbers.max(), let bytes = try? DurableFiles.read(file, limit: dataLimit) else { return [:] }
        let all = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: last, omittingEmptySubsequences: false)
        var found: [Int: JSONNode] = [:]
        for number in numbers where number >= 1 && number <= all.count {
            found[number] = try? JSONParser().parse(Array(all[number - 1]))
        }
        return found
    }

    /// What a conversation asks last, and the tokens that the model's template makes of it; nil
    /// where the record is none, or its tokens depend on the day.
    private static func prompt(_ record: JSONNode, _ encoder: ChatEncoder) -> [JSONMember]? {
        guard encoder.clockKey.isEmpty, let all = record["messages"]?.array,
            let last = all.lastIndex(where: { $0["role"]?.string == "assistant" }), last > 0
        else { return nil }
        let messages = JSONNode(Array(all[..<last]))
        let tools = record["tools"]
        guard let ids = try? encoder.promptTokens(of: Conversation(messages: messages, tools: tools)) else { return nil }
        return [
            JSONMember("messages", messages), JSONMember("tools", tools ?? .null),
            JSONMember("prompt_ids", JSONNode(ids.map { JSONNode(Int($0)) })),
        ]
    }
}
