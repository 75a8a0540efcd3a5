package import Manifest

/// The objectives that a job may name.
package enum Objectives {
    package static let all: [any Objective] = [
        SupervisedObjective(), PretrainingObjective(), PreferenceObjective(), ClassificationObjective(), DistillationObjective(),
    ]

    /// The objective of a name.
    /// - Throws: ``TrainingError/unknownName(key:name:known:)``.
    package static func named(_ name: String) throws(TrainingError) -> any Objective {
        guard let objective = all.first(where: { $0.name == name }) else {
            throw .unknownName(key: "method.type", name: name, known: all.map(\.name))
        }
        return objective
    }

    /// The objective of a manifest's method.
    /// - Throws: ``TrainingError/unknownName(key:name:known:)``.
    package static func of(_ method: Manifest.Method) throws(TrainingError) -> any Objective {
        try named(method.word).configured(by: method.specification)
    }
}
