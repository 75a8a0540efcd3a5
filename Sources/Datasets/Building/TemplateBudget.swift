import Synchronization
import Tokenization

/// What a template may cost over a whole file: it is code of somebody else's, and a file may have
/// millions of lines.
///
/// A line has a limit of its own (``TemplateLimits``). A template that reaches it on a few lines
/// will do so on others; one that stays just below it would take half a second a line. Either is
/// given up.
final class TemplateBudget: Sendable {
    /// Lines on which the template may take more steps than one rendering is allowed.
    static let lineLimit = 3
    /// Steps that a file may take in any case: about half a minute of one core.
    static let baseSteps = 100_000_000
    /// Steps for each byte of text beyond that. Published templates take 2 to 60, most for many
    /// short turns.
    static let stepsPerByte = 200

    private struct State {
        var byteCount = 0
        var exhaustedLines = 0
        var reason: String?
    }
    let counter: TemplateStepCounter
    private let state = Mutex(State())

    init(counter: TemplateStepCounter = TemplateStepCounter()) { self.counter = counter }

    /// Why the template was given up; nil as long as it was not.
    var reason: String? { state.withLock { $0.reason } }

    /// Counts a line before it is rendered.
    /// - Returns: whether it may be.
    func admit(byteCount: Int) -> Bool {
        let steps = counter.count
        return state.withLock { state in
            state.byteCount += byteCount
            if state.reason == nil, steps > Self.baseSteps + state.byteCount.multipliedReportingOverflow(by: Self.stepsPerByte).partialValue
            {
                state.reason = "the chat template took \(steps) steps for \(state.byteCount) bytes of text"
            }
            return state.reason == nil
        }
    }

    /// Notes a line on which the template took more steps than allowed.
    func noteExhaustion() {
        state.withLock { state in
            state.exhaustedLines += 1
            if state.reason == nil, state.exhaustedLines >= Self.lineLimit {
                state.reason = "the chat template took more steps than one line may take on \(state.exhaustedLines) lines"
            }
        }
    }
}
