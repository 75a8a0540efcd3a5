package import JSON

/// What an engine is told of the deployment with every request of it.
///
/// Deployments of one base model share an engine, which is started with the largest of their
/// numbers: each request brings those of its own deployment.
package struct DeploymentTerms: Sendable, Hashable {
    package var name: String
    /// The adapter's name in the engine; nil: the base model.
    package var adapter: String?
    /// Tokens of a prompt and its answer.
    package var contextLength: Int
    /// Answers that may wait.
    package var queue: Int

    /// - Parameter settings: of the accepted deployment's document.
    package init(name: String, adapter: String?, settings: JSONNode) {
        (self.name, self.adapter) = (name, adapter)
        contextLength = settings["context_length"]?.integer ?? 2_048
        queue = settings["queue"]?.integer ?? 64
    }

    /// The members of a message to the engine.
    package var members: [JSONMember] {
        let terms: JSONNode = ["deployment": JSONNode(name), "context_length": JSONNode(contextLength), "queue": JSONNode(queue)]
        return [JSONMember("terms", terms)] + (adapter.map { [JSONMember("adapter", JSONNode($0))] } ?? [])
    }
}
