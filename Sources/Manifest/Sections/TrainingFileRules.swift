import JSON

extension Manifest {
    /// A job that trains has a training file; one that does not has a validation file alone.
    func settleFiles(_ section: ManifestSection) throws(ManifestError) {
        if method.trains {
            if trainingFile.isEmpty {
                throw section.failure("training_file", "is missing", code: "missing_key")
            }
            return
        }
        if !trainingFile.isEmpty {
            throw section.failure(
                "training_file",
                "has no meaning with method.type \(method.word), which trains nothing: it reads validation_file"
            )
        }
        if validationFile == nil {
            throw section.failure(
                "validation_file", "is missing: method.type \(method.word) reads it", code: "missing_key")
        }
    }

    /// The same as parts of a JSON Schema.
    static var fileRules: [JSONNode] {
        let words = Method.all.filter { !$0.hasHyperparameters }.map { JSONNode($0.word) }
        let trainsNothing: JSONNode = [
            "required": ["method"],
            "properties": [
                "method": [
                    "type": "object", "required": ["type"], "properties": ["type": ["enum": JSONNode(words)]],
                ]
            ],
        ]
        return [
            [
                "if": trainsNothing,
                "then": [
                    "required": ["validation_file"],
                    "properties": ["training_file": ["type": "null"], "validation_file": ["type": "string"]],
                ],
            ],
            [
                "if": ["not": trainsNothing],
                "then": [
                    "required": ["training_file"], "properties": ["training_file": ["type": "string"]],
                ],
            ],
        ]
    }
}
