import JSON

extension Manifest {
    /// Refuses a part to be trained that the method's loss is not of.
    func settleTrainOn(_ section: ManifestSection) throws(ManifestError) {
        let specification = type(of: method.specification)
        guard specification.fixesTrainOn, trainOn != specification.trainOn else { return }
        throw section.failure(
            "train_on",
            "is \(trainOn.rawValue), but the loss of method.type \(method.word) is of the answers alone: leave it out")
    }

    /// The same as parts of a JSON Schema.
    static var trainOnRules: [JSONNode] {
        Method.all.filter { $0.fixesTrainOn }.map { method -> JSONNode in
            [
                "if": [
                    "required": ["method"],
                    "properties": [
                        "method": ["type": "object", "required": ["type"], "properties": ["type": ["const": JSONNode(method.word)]]]
                    ],
                ],
                "then": ["properties": ["train_on": ["enum": [JSONNode(method.trainOn.rawValue), nil]]]],
            ]
        }
    }
}
