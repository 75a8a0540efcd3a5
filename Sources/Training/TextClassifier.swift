package import Graph
package import JSON
package import Models
import Runtime
import Tensors
package import Tokenization
import Datasets

/// Tells the classes of texts by a model with a head for them: what a classification job has made,
/// or any `...ForSequenceClassification` of transformers whose head is `score`.
package final class TextClassifier {
    package let labels: ModelLabels
    private let encoder: ChatEncoder
    private let evaluator: Evaluator
    private let model: LanguageModel
    private let objective: ClassificationObjective
    /// Tokens of a text; what is beyond is cut off.
    private let maximumLength: Int
    /// Rows of the largest program.
    private let rowLimit: Int

    /// What a text is.
    package struct Answer: Sendable, Hashable {
        /// The likeliest class; of several those that are likelier than not.
        package var labels: [String]
        /// Of each class, in the order of their numbers.
        package var probabilities: [Double]
    }

    /// An adapter with a head for classes, as PEFT saves one (`SEQ_CLS`).
    package struct Adapter: Sendable {
        package var folder: String
        /// What the head's rows mean; empty: as the model says, or their numbers.
        package var labels: [String]
        /// Whether a text may have any number of classes; nil: as the model says.
        package var isMultiLabel: Bool?

        package init(folder: String, labels: [String] = [], isMultiLabel: Bool? = nil) {
            (self.folder, self.labels, self.isMultiLabel) = (folder, labels, isMultiLabel)
        }
    }

    /// Loads the model of a folder.
    /// - Parameters:
    ///   - adapter: what is used with it.
    ///   - maximumLength: tokens of a text at most; nil: as many as the model has positions for, up
    ///     to 2048.
    /// - Throws: ``ModelError`` where there is no classifier, and what loading throws.
    package init(folder: String, adapter: Adapter? = nil, device: any ComputeDevice, maximumLength: Int? = nil) throws {
        let stored = try adapter.map { try AdapterFolder($0.folder) }
        let opened = try OpenedModel(path: folder, for: stored)
        let found = try ModelLabels.of(
            opened.folder, adapter: stored, names: adapter?.labels ?? [], isMultiLabel: adapter?.isMultiLabel, field: "labels")
        guard let labels = found else {
            throw ModelError(
                file: folder + "/config.json", field: "id2label",
                "names no classes of a ...ForSequenceClassification: the model is no classifier; "
                    + "a job with method.type: classification makes one"
            )
        }
        guard let weights = opened.weights else { throw ModelError(file: folder, "holds no weights") }
        let head = TaskHead(labels: labels, seed: 0)
        let shape = [labels.names.count, opened.configuration.hiddenSize]
        guard weights.tensors[head.weightName]?.shape == shape || stored?.headOutputs == labels.names.count else {
            throw ModelError(
                file: folder, field: head.weightName, "is not there in the shape \(shape), which \(labels.names.count) classes need")
        }
        self.labels = labels
        self.maximumLength = max(1, min(maximumLength ?? 2048, opened.configuration.maximumPositions))
        rowLimit = max(1024, ProgramSize(serving: self.maximumLength, trained: 1).tokenCount)
        encoder = try ChatEncoder(TokenizerTexts(opened.folder))
        objective = ClassificationObjective(classes: labels.names, isMultiLabel: labels.isMultiLabel)
        let linears = try LanguageModel.linearModules(of: opened.configuration)
        let training = try stored.map { LanguageModel.Training.adapter(try $0.settings(on: linears), seed: 0) } ?? .nothing
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: training, precision: .init(mixableTypes: mixable),
            maximumLength: self.maximumLength, head: head, pageByteLimit: min(64 << 20, device.limits.maximumTensorBytes))
        let largest = PackedBatch(
            [], for: objective, tokenCapacity: rowLimit, trainedCapacity: rowLimit, window: opened.configuration.slidingWindow,
            rotary: model.rotaryRows)
        evaluator = try Evaluator(
            device: device, programs: Programs(model: model, optimizer: AdamWOptimizer(), objective: objective), batches: [largest])
    }

    /// The tokens of a text, with those that the tokenizer puts around one.
    package func tokens(of text: String) -> [Int32] { encoder.tokenizer.encode(text, addSpecialTokens: true) }

    /// The tokens of a conversation as the model's chat template renders it.
    /// - Throws: ``ChatError``.
    package func tokens(of messages: JSONNode) throws(ChatError) -> [Int32] {
        try encoder.encode(messages: messages, trainOn: .all).ids
    }

    /// The classes of texts, in their order.
    /// - Parameter texts: the tokens of each, one at least.
    /// - Throws: ``ModelError`` where a token is none of the model's, and what the device throws.
    package func classify(_ texts: [[Int32]]) throws -> [Answer] {
        for ids in texts { try model.configuration.requireEmbedding(of: ids.lazy.map { Int($0) }, from: "a text") }
        let samples = texts.map { ids in
            let kept = Array(ids.prefix(maximumLength))
            return Sample([TokenizedExample(ids: kept, isTrained: kept.map { _ in true })], labels: [])
        }
        var answers = [Answer?](repeating: nil, count: texts.count)
        for places in StepComposer(tokenLimit: rowLimit).microBatches(lengths: samples.map(\.size.tokenCount)) {
            let members = places.map { samples[$0] }
            let size = evaluator.size(tokens: members.reduce(0) { $0 + $1.size.tokenCount }, trained: members.count)
            let batch = PackedBatch(
                members, for: objective, tokenCapacity: size.tokenCount, trainedCapacity: size.trainedCount,
                window: model.configuration.slidingWindow, rotary: model.rotaryRows)
            for (place, scored) in zip(places, try evaluator.evaluate([batch]).scored) { answers[place] = answer(scored.logits) }
        }
        return answers.compactMap { $0 }
    }

    private func answer(_ logits: [Float]) -> Answer {
        let found = labels.isMultiLabel ? logits.indices.filter { logits[$0] > 0 } : [ClassificationObjective.largest(logits)]
        return Answer(labels: found.map { labels.names[$0] }, probabilities: objective.probabilities(logits))
    }
}
