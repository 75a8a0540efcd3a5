package import JSON

/// What is wrong with a manifest: where, in which key, and what would be right.
package struct ManifestError: Error, Sendable, Hashable {
    /// A stable word for programs: `invalid_manifest`, `unknown_key`, `invalid_value`,
    /// `missing_key`, `not_available`.
    package var code: String
    package var message: String
    /// The key's full path, for example `method.supervised.hyperparameters.n_epochs`.
    package var param: String?
    package var position: JSONPosition?

    package init(code: String, message: String, param: String? = nil, position: JSONPosition? = nil) {
        self.code = code
        self.message = message
        self.param = param
        self.position = position
    }
}

extension ManifestError: CustomStringConvertible {
    package var description: String {
        (position.map { "line \($0.line), column \($0.column): " } ?? "") + (param.map { "\($0): " } ?? "") + message
    }
}
