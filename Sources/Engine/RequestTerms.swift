/// What holds for every request of one deployment, on an engine that several deployments share.
package struct RequestTerms: Sendable, Hashable {
    /// The deployment's name; requests of one name wait in one queue. Empty: of none.
    package var deployment: String
    /// Tokens of a prompt and its answer at most; nil: as many as the engine takes.
    package var contextLength: Int?
    /// Answers that may wait before another request is refused; nil: as the engine's settings say.
    package var queueLimit: Int?

    package init(deployment: String = "", contextLength: Int? = nil, queueLimit: Int? = nil) {
        (self.deployment, self.contextLength, self.queueLimit) = (deployment, contextLength, queueLimit)
    }

    /// Tokens of a prompt and its answer that an engine of these settings takes.
    func contextLength(_ settings: EngineSettings) -> Int { min(settings.contextLength, contextLength ?? settings.contextLength) }

    /// Refuses a request where enough of its deployment wait already.
    /// - Parameter waiting: what the engine has not begun.
    /// - Throws: ``EngineError/queueFull(limit:)``.
    func checkQueue(_ waiting: some Sequence<RequestTerms>, _ settings: EngineSettings) throws(EngineError) {
        let limit = queueLimit ?? settings.queueLimit
        guard waiting.reduce(0, { $0 + ($1.deployment == deployment ? 1 : 0) }) < limit else { throw .queueFull(limit: limit) }
    }
}
