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

    /// Loads the model of a folder.
    /// - Parameter maximumLength: tokens of a text at most; nil: as many as the model has positions
    ///   for, up to 2048.
    /// - Throws: ``ModelError`` where the folder holds no classifier, and what loading throws.
    package init(folder: String, device: any ComputeDevice, maximumLength: Int? = nil) throws {
        let opened = try OpenedModel(path: folder)
        guard let labels = try ModelLabels(opened.folder) else {
            throw ModelError(
                file: folder + "/config.json", field: "id2label",
                "names no classes of a ...ForSequenceClassification: the model is no classifier; "
                    + "a job with method.type: classification makes one"
            )
        }
        guard let weights = opened.weights else { throw ModelError(file: folder, "holds no weights") }
        let head = TaskHead(labels: labels, seed: 0)
        let shape = [labels.names.count, opened.configuration.hiddenSize]
        guard weights.tensors[head.weightName]?.shape == shape else {
            throw ModelError(
                file: folder, field: head.weightName, "is not there in the shape \(shape), which \(labels.names.count) classes need")
        }
        self.labels = labels
        self.maximumLength = max(1, min(maximumLength ?? 2048, opened.configuration.maximumPositions))
        rowLimit = max(1024, ProgramSize(serving: self.maximumLength, trained: 1).tokenCount)
        encoder = try ChatEncoder(folder: folder)
        objective = ClassificationObjective(classes: labels.names, isMultiLabel: labels.isMultiLabel)
        let mixable = Set([ElementType.bfloat16, .float16].filter { device.mixesFloat32(with: $0) })
        model = try LanguageModel(
            opened.configuration, source: .checkpoint(weights), training: .nothing, precision: .init(mixableTypes: mixable),
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
