public import JSON

/// What is wrong with a manifest: where, in which key, and what would be right.
public struct ManifestError: Error, Sendable, Hashable {
    /// A stable word for programs: `invalid_manifest`, `unknown_key`, `invalid_value`, `missing_key`, `not_available`.
    public var code: String
    public var message: String
    /// The key's full path, for example `method.supervised.hyperparameters.n_epochs`.
    public var param: String?
    public var position: JSONPosition?

    public init(code: String, message: String, param: String? = nil, position: JSONPosition? = nil) {
        self.code = code
        self.message = message
        self.param = param
        self.position = position
    }
}

extension ManifestError: CustomStringConvertible {
    public var description: String {
        (position.map { "line \($0.line), column \($0.column): " } ?? "") + (param.map { "\($0): " } ?? "") + message
    }
}
