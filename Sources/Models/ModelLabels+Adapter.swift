package import Tensors

extension ModelLabels {
    /// The classes of a model with an adapter: those that the model's folder names, or those of the
    /// adapter's head, which PEFT saves without their names.
    /// - Parameters:
    ///   - names: what the head's rows mean; empty: as the model says, or the numbers of the rows.
    ///   - field: where the names were given, for an error.
    /// - Returns: nil where neither has a head.
    /// - Throws: ``ModelError`` where names and head do not fit, and what reading the folder
    ///   throws.
    package static func of(
        _ folder: any ModelFolder, adapter: AdapterFolder?, names: [String], isMultiLabel: Bool?, field: String
    ) throws -> ModelLabels? {
        func failure(_ message: String) -> ModelError { ModelError(file: "manifest", field: field, message) }
        let outputs = adapter.flatMap { $0.isClassifier ? $0.headOutputs : nil }
        if var own = try ModelLabels(folder), outputs.map({ $0 == own.names.count }) ?? true {
            guard names.isEmpty || names == own.names else {
                throw failure("is not what the model's config.json names: \(own.names.joined(separator: ", "))")
            }
            own.isMultiLabel = isMultiLabel ?? own.isMultiLabel
            return own
        }
        guard let outputs else {
            if !names.isEmpty { throw failure("names classes, but neither the model nor an adapter has a head for them") }
            return nil
        }
        guard (2...limit).contains(outputs) else { throw failure("cannot be those of the adapter's head, which has \(outputs) rows") }
        guard names.isEmpty || names.count == outputs else {
            throw failure("has \(names.count) names, but the adapter's head has \(outputs) rows")
        }
        return ModelLabels(names: names.isEmpty ? (0..<outputs).map { "\($0)" } : names, isMultiLabel: isMultiLabel ?? false)
    }
}
