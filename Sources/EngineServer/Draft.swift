import Engine
import JSON

/// A question as far as it can be read without the engine.
struct Draft: Sendable {
    enum Content: Sendable {
        case text(GenerationRequest, ConstraintOrder?)
        case vector(EmbeddingRequest)
        /// The answer itself, but for its number.
        case answer([JSONMember])
        /// What only the engine can tell.
        case engine
    }
    var content: Content
    /// The adapter that is asked for, by its name.
    var adapter: String?
}
