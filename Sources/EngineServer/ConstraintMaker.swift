import Constraints
import Engine
import Synchronization
import Tokenization

/// Makes constraints beside the engine's loop: no other request waits while a schema is compiled or
/// a vocabulary is put in order.
final class ConstraintMaker: Sendable {
    typealias Outcome = Result<AnswerConstraint, RequestFault>

    private let encoder: ChatEncoder
    private let finished = Mutex<[(number: UInt64, outcome: Outcome)]>([])
    private let vocabulary = Mutex<TokenVocabulary?>(nil)
    private let template = Mutex<ToolTemplate?>(nil)
    /// Rung when something has been made.
    let bell = Bell()

    init(_ encoder: ChatEncoder) { self.encoder = encoder }

    /// How the model is shown tools; found out once.
    var tools: ToolTemplate {
        template.withLock { known in
            if let known { return known }
            let made = ToolTemplate(encoder)
            known = made
            return made
        }
    }

    /// Makes a constraint; ``take()`` gives it under the number.
    func ask(_ order: ConstraintOrder, number: UInt64) {
        Task.detached(priority: .utility) { [self] in
            let outcome = make(order)
            finished.withLock { $0.append((number, outcome)) }
            bell.ring()
        }
    }

    /// What has been made since it was asked last.
    func take() -> [(number: UInt64, outcome: Outcome)] {
        finished.withLock { made in
            defer { made = [] }
            return made
        }
    }

    private func make(_ order: ConstraintOrder) -> Outcome {
        do throws(ConstraintError) {
            let (automaton, kind): (Automaton, AnswerConstraint.Kind)
            switch order.content {
            case .schema(let schema): (automaton, kind) = (try Automaton(schema: schema), .value)
            case .calls(let all, let isForced, let allowsSeveral):
                let form = tools.form
                var ignored: [(tool: Int, path: String)] = []
                automaton = try Automaton(
                    callsOf: all, in: form, isTriggered: !isForced, allowsSeveral: allowsSeveral, ignored: &ignored)
                kind = isForced ? .calls(form) : .callsIfTriggered(form)
            }
            let known = vocabulary.withLock { known in
                let vocabulary = known ?? TokenVocabulary(encoder.tokenizer)
                known = vocabulary
                return vocabulary
            }
            return .success(AnswerConstraint(automaton, kind, known))
        } catch {
            let field = if case .schema = order.content { "response_format" } else { "tools" }
            return .failure(RequestFault("invalid_schema", error.description, parameter: field))
        }
    }
}
