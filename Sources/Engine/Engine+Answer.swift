extension Engine {
    /// Answers one request and nothing else: for programs that ask once.
    /// - Parameter onToken: called with each new token; returning false stops.
    /// - Returns: the answer's tokens, without the end token.
    /// - Throws: ``EngineError``, and what the device throws.
    package func answer(_ request: GenerationRequest, onToken: (Int32) -> Bool = { _ in true }) throws -> [Int32] {
        try submit(request)
        var tokens: [Int32] = []
        while open[request.id] != nil {
            for event in try step() {
                guard case .token(let answer) = event, answer.id == request.id else { continue }
                tokens.append(answer.token)
                if !onToken(answer.token) {
                    cancel(request.id)
                    return tokens
                }
            }
        }
        return tokens
    }
}
