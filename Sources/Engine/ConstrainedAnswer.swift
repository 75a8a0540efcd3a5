import Constraints

/// Where an answer is within what it must be.
struct ConstrainedAnswer {
    private enum Place {
        /// Text before a trigger that may come.
        case free
        /// Text in which no trigger can come any more.
        case text
        case bound(Int32)
    }
    let constraint: AnswerConstraint
    private var place: Place
    /// The last bytes of text, which may be the beginning of the trigger.
    private var tail: [UInt8] = []
    private var length = 0
    private var scanner = ObjectScanner()
    private(set) var calls: CallReader?

    init(_ constraint: AnswerConstraint) {
        self.constraint = constraint
        switch constraint.kind {
        case .value: place = .bound(constraint.recognizer.start)
        case .calls(let form):
            place = .bound(constraint.recognizer.start)
            calls = CallReader(form, isTriggered: false)
        case .callsIfTriggered: place = .free
        }
    }

    /// Makes the logits of tokens impossible that do not fit.
    func restrict(_ logits: UnsafeMutableBufferPointer<Float>, ends: Set<Int32>) {
        guard case .bound(let state) = place else { return }
        let mayEnd = constraint.recognizer.accepts(state)
        constraint.mask(state).apply(logits, except: mayEnd ? ends : [])
        if !mayEnd { for token in ends where token >= 0 && Int(token) < logits.count { logits[Int(token)] = -.infinity } }
    }

    /// Whether a token may come, which ``restrict(_:ends:)`` left: it ends no key that its object
    /// has already, and what it has behind a trigger fits.
    func admits(_ token: Int32) -> Bool {
        var next = self
        _ = next.append(token)
        if case .bound(let state) = next.place, state == Recognizer.dead { return false }
        return !next.scanner.hasRepeatedKey && !(next.calls?.hasRepeatedKey ?? false)
    }

    /// The tokens that begin as one that is not admitted does, as far as it takes to see why: none
    /// of them is.
    func refused(with token: Int32) -> ArraySlice<Int32> {
        var next = self
        var bytes: [UInt8] = []
        for byte in constraint.bytes(of: token) {
            bytes.append(byte)
            next.append(bytes: [byte])
            let isDead = if case .bound(let state) = next.place { state == Recognizer.dead } else { false }
            if isDead || next.scanner.hasRepeatedKey || next.calls?.hasRepeatedKey == true {
                return constraint.trie.tokens(beginningWith: bytes)
            }
        }
        return []
    }

    /// Whether nothing may follow.
    var isFinished: Bool { if case .bound(let state) = place { constraint.recognizer.isFinal(state) } else { false } }
    /// Whether what comes is calls, not text.
    var isInCalls: Bool { calls != nil }

    /// - Returns: what a token says of calls.
    mutating func append(_ token: Int32) -> [CallPiece] { append(bytes: constraint.bytes(of: token)[...]) }

    @discardableResult
    private mutating func append(bytes given: ArraySlice<UInt8>) -> [CallPiece] {
        var bytes = given
        if case .free = place, case .callsIfTriggered(let form) = constraint.kind {
            while let byte = bytes.first, case .free = place {
                bytes.removeFirst()
                tail.append(byte)
                length += 1
                if tail.count > form.trigger.count { tail.removeFirst() }
                if tail == form.trigger, !form.isOnlyAtStart || length == form.trigger.count {
                    place = .bound(constraint.recognizer.start)
                    calls = CallReader(form, isTriggered: true)
                } else if form.isOnlyAtStart, !form.trigger.starts(with: tail) || length > form.trigger.count {
                    place = .text
                }
            }
        }
        guard case .bound(let state) = place else { return [] }
        place = .bound(constraint.recognizer.next(state, bytes))
        if calls != nil { return calls?.append(bytes) ?? [] }
        for byte in bytes { scanner.append(byte) }
        return []
    }
}
