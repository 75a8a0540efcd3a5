package import Tokenization

/// How a file becomes examples.
package struct DatasetOptions: Sendable, Hashable {
    /// What the records are read for.
    package enum Purpose: String, Sendable, Hashable {
        /// Conversations, or prompts with completions.
        case supervised
        /// Plain text, packed into rows of `maximumLength` tokens.
        case pretraining
        /// Prompts with a preferred and another answer: samples of two runs, in this order.
        case pairs
        /// Answers with a judgement: samples of one run, whose class is 1 for a good answer and 0
        /// for a bad one.
        case judgedAnswers = "judged_answers"
        /// Texts or conversations with labels.
        case classification
    }
    package enum OnExcess: String, Sendable, Hashable { case error, truncate, drop }
    package var purpose: Purpose
    package var trainOn: TrainedPart
    /// Tokens that an example may have.
    package var maximumLength: Int
    package var onExcess: OnExcess
    /// Tokens that the model has, where the tokenizer has more: an example with one of those is an
    /// error of its line.
    package var modelVocabularySize: Int?
    /// What is done where a text holds that of a control token.
    package var specialTokensInText = SpecialTokensInText.warn
    /// Tokens that the model has positions for; nil where that is not known.
    package var positionLimit: Int?
    /// How labels are read; nil where records have none.
    package var labels: LabelOptions?

    /// What is done where what people say holds the text of a control token.
    package enum SpecialTokensInText: String, Sendable, Hashable {
        /// It becomes the token, as in transformers, and the report says so.
        case warn
        /// The record is refused.
        case error
        /// It is tokenised as any other text, as transformers' `sanitize_control_tokens` does.
        case encodeAsText = "encode_as_text"
    }

    package init(purpose: Purpose = .supervised, trainOn: TrainedPart = .assistant, maximumLength: Int, onExcess: OnExcess = .error) {
        self.purpose = purpose
        self.trainOn = trainOn
        self.maximumLength = maximumLength
        self.onExcess = onExcess
    }

    /// What distinguishes one reading of a file from another, for the cache's key.
    var key: String {
        "\(purpose.rawValue) \(trainOn.rawValue) \(maximumLength) \(onExcess.rawValue) \(specialTokensInText.rawValue) \(positionLimit ?? 0)"
            + (modelVocabularySize.map { " \($0)" } ?? "") + (labels.map { " \($0.key)" } ?? "")
    }
}
