import JSON
import Tokenization

extension RecordEncoder {
    /// The tokens of a pair of answers, each behind the prompt; nil where something is wrong with
    /// the record.
    func pair(_ record: JSONNode, _ result: inout ChunkResult, _ findings: inout RecordFindings) -> Sample? {
        if record["label"] != nil, record["messages"] != nil || record["completion"] != nil {
            findings.add(
                "invalid_value", "label", at: record["label"], found: "one answer with a label", expected: "two answers",
                "judges a single answer, which is for the loss kto: set method.dpo.hyperparameters.loss to kto, or give pairs")
            return nil
        }
        let read = format == .preferencePair ? PreferencePair.chosen : PreferencePair.outputs
        guard let pair = read(record, &findings) else { return nil }
        result.recordCount += 1
        var field: String?
        if case .conversation = pair.other { field = pair.otherField }
        guard let preferred = tokens(of: pair.preferred, field: nil, &findings),
            let other = tokens(of: pair.other, field: field, &findings)
        else { return nil }
        // A template may leave out what the texts differ in.
        if preferred.ids == other.ids {
            PreferencePair.addSame(pair.otherField, record[pair.otherField], &findings)
            return nil
        }
        return Sample([preferred, other])
    }

    /// The tokens of an answer that is judged by itself: what the assistant says last is the
    /// answer.
    func judgedAnswer(_ record: JSONNode, _ result: inout ChunkResult, _ findings: inout RecordFindings) -> Sample? {
        let before = findings.problems.count
        if DatasetFormat.detect(record)?.isPreference == true {
            findings.add(
                "invalid_value", nil, at: record, found: "a pair of answers", expected: "one answer with a label",
                "holds two answers, which are for the losses of pairs: the loss kto takes one answer and label true or false a line")
            return nil
        }
        var isGood = true
        if let label = record["label"] {
            if let flag = label.bool { isGood = flag } else { findings.wrongType("label", label, expected: "true or false") }
        } else {
            findings.missing("label", in: record, expected: "true for a good answer, or false")
        }
        var answer: PreferencePair.Answer?
        if format == .completion {
            switch PairFormats.completion(record, &findings) {
            case .texts(let prompt, let completion)?: answer = .texts(prompt: prompt, completion: completion)
            case .conversation(let conversation)?: answer = .conversation(conversation)
            case nil: break
            }
        } else if var conversation = ConversationFormats.chat(record, &findings) {
            let messages = conversation.messages.array ?? []
            let last = messages.lastIndex { $0["role"]?.string == "assistant" } ?? 0
            conversation.messages = JSONNode(messages.enumerated().map { $0.offset < last ? PairFormats.given($0.element) : $0.element })
            answer = .conversation(conversation)
        }
        guard findings.problems.count == before, let answer else { return nil }
        result.recordCount += 1
        return tokens(of: answer, field: format == .chat ? "messages" : "completion", &findings).map {
            Sample([$0], labels: [isGood ? 1 : 0])
        }
    }

    private func tokens(of answer: PreferencePair.Answer, field: String?, _ findings: inout RecordFindings) -> TokenizedExample? {
        switch answer {
        case .texts(let prompt, let completion): encoder.encode(prompt: prompt, completion: completion, trainOn: .completion)
        case .conversation(let conversation): checked(conversation, field: field, &findings)
        }
    }
}
