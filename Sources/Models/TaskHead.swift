/// A head for a task in place of the one over the vocabulary: a linear layer without bias on the
/// normalised hidden states.
package struct TaskHead: Sendable, Hashable {
    /// As transformers calls it: its weight `[outputs, hidden]` is `score.weight` in a checkpoint.
    package var name: String
    package var outputs: Int
    /// Draws its first values where the checkpoint has none.
    package var seed: UInt64
    /// Whether a head that the checkpoint or the initial adapter has is where this one begins.
    package var isStored = true
    /// What its outputs mean, where that is known.
    package var labels: ModelLabels?

    /// A head that gives a logit for each class.
    package init(labels: ModelLabels, seed: UInt64) {
        self.init(outputs: labels.names.count, seed: seed)
        self.labels = labels
    }

    package init(name: String = "score", outputs: Int, seed: UInt64) {
        self.name = name
        self.outputs = outputs
        self.seed = seed
    }

    /// The name of its weight in a checkpoint of the whole model.
    package var weightName: String { name + ".weight" }

    /// Its key among the trained tensors: with an adapter as PEFT names what it saves whole.
    package func key(_ training: LanguageModel.Training) -> String {
        if case .adapter = training { return "base_model.model." + weightName }
        return weightName
    }
}
