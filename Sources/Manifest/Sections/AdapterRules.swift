import JSON

extension Manifest {
    /// What the kind of adapter that a method begins with means for other keys, as parts of a JSON
    /// Schema.
    static var adapterRules: [JSONNode] {
        let isFull: JSONNode = [
            "required": ["adapter"],
            "properties": ["adapter": ["type": "object", "required": ["type"], "properties": ["type": ["const": "full"]]]],
        ]
        let isOpen: JSONNode = ["properties": ["adapter": ["properties": ["type": ["type": "null"]]]]]
        let methods = Method.all.filter { $0.adapter == .full }.map { method -> JSONNode in
            [
                "required": ["method"],
                "properties": [
                    "method": ["type": "object", "required": ["type"], "properties": ["type": ["const": JSONNode(method.word)]]]
                ],
            ]
        }
        let givesFormat: JSONNode = [
            "required": ["base_weights"], "properties": ["base_weights": ["not": ["enum": ["auto", nil]]]],
        ]
        let isGiven: JSONNode = ["not": ["type": "null"]]
        let givesRatio: JSONNode = [
            "required": ["optimizer"],
            "properties": [
                "optimizer": ["type": "object", "required": ["lora_plus_ratio"], "properties": ["lora_plus_ratio": isGiven]]
            ],
        ]
        let trainsAll = [isFull] + methods.map { ["allOf": [$0, isOpen]] }
        var rules = [givesFormat, givesRatio].map { given -> JSONNode in ["not": ["allOf": [given, ["anyOf": JSONNode(trainsAll)]]]] }
        let isExpression: JSONNode = ["type": "string", "pattern": JSONNode(LoRA.Targets.marks)]
        let layersOfExpression: JSONNode = [
            "required": ["adapter"],
            "properties": [
                "adapter": [
                    "type": "object", "required": ["target_modules", "layers_to_transform"],
                    "properties": ["target_modules": isExpression, "layers_to_transform": isGiven],
                ]
            ],
        ]
        rules.append(["not": layersOfExpression])
        let changesBase: JSONNode = ["anyOf": [["enum": ["olora", "pissa"]], ["type": "string", "pattern": "^pissa_niter_"]]]
        for (key, value) in [("use_dora", ["const": true]), ("alpha", ["const": 0])] as [(String, JSONNode)] {
            let given: [JSONMember] = [JSONMember("init_lora_weights", changesBase), JSONMember(key, value)]
            let both: JSONNode = [
                "type": "object", "required": JSONNode(given.map { JSONNode($0.key) }), "properties": JSONNode(given),
            ]
            rules.append(["not": ["required": ["adapter"], "properties": ["adapter": both]]])
        }
        // Without a type of its own, an adapter of such a method has none of LoRA's keys.
        for method in methods {
            let onlyOpen: JSONNode = [
                "type": ["object", "null"], "properties": ["type": ["type": "null"]], "additionalProperties": false,
            ]
            rules.append(["if": ["allOf": [method, isOpen]], "then": ["properties": ["adapter": onlyOpen]]])
        }
        return rules
    }
}
