package import Storage

/// Why a model could not be had from a hub.
package enum HubError: Error, Sendable, Hashable {
    /// No program of the name `curl`.
    case noCurl(StorageError)
    case badReference(String, String)
    case badEndpoint(String)
    /// The token in a file or variable cannot be one.
    case badToken(place: String)
    /// The connection could not be made, or broke.
    case connection(String, message: String)
    /// The server's answer, by its status.
    case refused(HTTPRefusal)
    case redirect(from: String, to: String)
    /// The answer of the API is not what it should be.
    case answer(String, message: String)
    /// A file's name that leads out of the model's folder.
    case unsafeName(String)
    case tooLarge(file: String, limit: Int)
    case cut(file: String, found: Int, expected: Int)
    case digest(file: String, found: String, expected: String)
    /// The repository has no weights that can be read.
    case noWeights(String, others: [String])
    /// No GGUF model of the repository is meant by a variant, or several are.
    case variant(String?, String, choices: [Variant])
    /// Another process downloads the same model.
    case busy(String)
    case exists(String)

    /// A model in a repository of several.
    package struct Variant: Sendable, Hashable {
        package var name: String
        package var byteCount: Int
    }

    /// Whether the same may work a moment later.
    var isPassing: Bool {
        switch self {
        case .connection, .cut: true
        case .refused(let refusal): refusal.status == 429 || refusal.status == 408 || (500...599).contains(refusal.status)
        default: false
        }
    }
}

/// An answer with a status that says no.
package struct HTTPRefusal: Sendable, Hashable {
    package var status: Int
    package var address: String
    /// The hub's word for the reason (`X-Error-Code`).
    package var code: String?
    /// Seconds after which to try again (`Retry-After`).
    package var retryAfter: Int?
    /// Whether a token was sent.
    package var hadToken: Bool
    /// Whether there is a token that was kept back, since the connection is open to others.
    package var keptTokenBack: Bool
}
