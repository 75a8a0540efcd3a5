import JSON
import Tokenization

extension RecordEncoder {
    /// A text or a conversation with its classes; nil where something is wrong with it.
    func labelled(_ record: JSONNode, _ result: inout ChunkResult, _ findings: inout RecordFindings) -> Sample? {
        let before = findings.problems.count
        let found = RecordLabels(record, isMultiLabel: options.labels?.isMultiLabel ?? false, &findings)
        let classes = found.flatMap { found in labels.flatMap { $0.indices(of: found, &findings) } }
        var (text, conversation): (String?, Conversation?)
        if format == .labelledChat {
            conversation = LabelledFormats.conversation(record, &findings)
        } else {
            text = LabelledFormats.text(record, &findings)
        }
        guard findings.problems.count == before, let classes else { return nil }
        result.recordCount += 1
        let example = text.flatMap { encode($0, &findings) } ?? conversation.flatMap { checked($0, field: "messages", &findings) }
        return example.map { Sample([$0], labels: classes) }
    }

    /// The tokens of a text that is no conversation, with those that the tokenizer puts around one.
    private func encode(_ text: String, _ findings: inout RecordFindings) -> TokenizedExample? {
        if let token = encoder.tokenizer.specialToken(in: text), !checkControlTokens([("text", token)], &findings) { return nil }
        let tokens = encoder.tokenizer.encodeWithRanges(
            text, addSpecialTokens: true, asText: options.specialTokensInText == .encodeAsText)
        guard !tokens.isEmpty else {
            findings.add(
                "empty_field", "text", found: "no token", expected: "some text", "holds nothing that the tokenizer makes a token of")
            return nil
        }
        return TokenizedExample(ids: tokens.map(\.id), isTrained: tokens.map { _ in true })
    }
}
