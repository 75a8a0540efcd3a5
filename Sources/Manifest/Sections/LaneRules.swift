import JSON

extension Manifest {
    /// Refuses lanes where a method's steps cannot be divided.
    func settleLanes(_ section: ManifestSection) throws(ManifestError) {
        guard ranks > 1, !method.hasLanes else { return }
        throw section.failure(
            "ranks",
            "is \(ranks), but steps of method.type \(method.word) are not divided, since the teacher lies beside one copy of the model: "
                + "leave it out"
        )
    }

    /// The same as parts of a JSON Schema.
    static var laneRules: [JSONNode] {
        Method.all.filter { !$0.hasLanes }.map { method -> JSONNode in
            [
                "if": [
                    "required": ["method"],
                    "properties": [
                        "method": ["type": "object", "required": ["type"], "properties": ["type": ["const": JSONNode(method.word)]]]
                    ],
                ],
                "then": ["properties": ["ranks": ["enum": [1, nil]]]],
            ]
        }
    }
}
