package import Constraints

/// What an answer must be, with what has been found out about the tokens that fit. All answers to
/// one constraint share it, for a time those of later requests too.
// invariant: made anywhere, then used on the engine's thread alone.
package final class AnswerConstraint: @unchecked Sendable {
    package enum Kind: Sendable {
        /// One JSON value.
        case value
        /// Calls of tools from the beginning.
        case calls(CallForm)
        /// Anything, but calls of tools from the form's trigger on.
        case callsIfTriggered(CallForm)
    }
    package let kind: Kind
    let recognizer: Recognizer
    let trie: TokenTrie
    /// Control tokens that a form is written with.
    private let controls: [(token: Int32, bytes: [UInt8])]
    private var masks: [Int32: TokenMask] = [:]
    private var order: [Int32] = []
    /// Masks that are kept: of a vocabulary of 152,000 tokens 10 MiB.
    private static let maskLimit = 512

    /// - Parameter vocabulary: the tokens of the model, as ``Vocabulary`` makes them.
    package init(_ automaton: Automaton, _ kind: Kind, _ vocabulary: TokenVocabulary) {
        (self.kind, trie) = (kind, vocabulary.trie)
        recognizer = Recognizer(automaton)
        switch kind {
        case .value: controls = []
        case .calls(let form), .callsIfTriggered(let form):
            controls = vocabulary.controls.filter { control in form.texts.contains { Self.holds($0, control.bytes) } }
        }
    }

    /// Whether so much is known of it that it should be made anew for later requests.
    package var isLarge: Bool { recognizer.stateCount > Recognizer.stateLimit / 4 || recognizer.isExhausted }

    private static func holds(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard !part.isEmpty, part.count <= text.count else { return false }
        return (0...text.count - part.count).contains { text[$0..<$0 + part.count].elementsEqual(part) }
    }

    /// The tokens that fit a state.
    func mask(_ state: Int32) -> TokenMask {
        if let known = masks[state] { return known }
        var mask = trie.mask(recognizer, state)
        for control in controls where recognizer.next(state, control.bytes) != Recognizer.dead { mask.insert(control.token) }
        if order.count >= Self.maskLimit { masks[order.removeFirst()] = nil }
        masks[state] = mask
        order.append(state)
        return mask
    }

    func bytes(of token: Int32) -> [UInt8] {
        let own = trie.tokens.indices.contains(Int(token)) ? trie.tokens[Int(token)] : []
        return own.isEmpty ? controls.first { $0.token == token }?.bytes ?? [] : own
    }
}
