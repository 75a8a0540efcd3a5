import Constraints
import Tokenization

extension EngineSequence {
    /// The next token; nil where none fits.
    func choose(_ logits: UnsafeMutableBufferPointer<Float>, position: Int) -> Int32? {
        guard let constrained else { return sampler.choose(logits, position: position) }
        return sampler.choose(logits, position: position, within: constrained, ends: request.endIDs)
    }

    /// What a token says: text, or parts of calls.
    func take(_ token: Int32) -> (text: String, calls: [CallPiece]) {
        guard constrained != nil else { return (text.append(token), []) }
        let wasInCalls = constrained?.isInCalls ?? false
        let calls = constrained?.append(token) ?? []
        if wasInCalls { return ("", calls) }
        let said = text.append(token)
        return (constrained?.isInCalls == true ? said + text.endBeforeTrigger() : said, calls)
    }

    /// Why an answer ends for which no token fits.
    var reasonToFail: FinishReason { constrained?.constraint.recognizer.isExhausted == true ? .tooCostly : .stuck }

    /// Why an answer ends that was not cut short.
    var reasonToStop: FinishReason { constrained?.calls.map { $0.finishedCount > 0 ? .toolCalls : .stop } ?? .stop }
}

extension GenerationRequest {
    /// The text of an answer before it begins.
    func answerText(_ tokenizer: Tokenizer) -> AnswerText {
        guard case .callsIfTriggered(let form)? = constraint?.kind else { return AnswerText(tokenizer, stops: stops) }
        return AnswerText(tokenizer, stops: stops, trigger: form.trigger, triggersOnlyAtStart: form.isOnlyAtStart)
    }
}
