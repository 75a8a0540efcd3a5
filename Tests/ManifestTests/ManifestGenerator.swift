import JSON
import Manifest

/// Manifests at random, from the list of keys: most values are such as a key may have, some stand
/// just outside of it, some are of another type.
struct ManifestGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    mutating func manifest() throws -> JSONNode {
        let strictness = below(60)
        var members = try section(Manifest.description, strictness).object ?? []
        for required in ["model", "training_file"] where below(40) > 0 && !members.contains(where: { $0.key == required }) {
            members.append(JSONMember(required, "m"))
        }
        return JSONNode(members)
    }

    /// - Parameter strictness: one value in so many (and one more) is any value.
    private mutating func section(_ section: SectionDescription, _ strictness: Int) throws -> JSONNode {
        var members: [JSONMember] = []
        var keys = section.keys
        if !section.kinds.isEmpty {
            // Mostly keys of one kind, with or without its word.
            let kind = section.kinds[below(section.kinds.count)]
            keys += below(12) == 0 ? section.kinds[below(section.kinds.count)].keys : kind.keys
            switch below(4) {
            case 0: break
            case 1: members.append(JSONMember("type", below(2) == 0 ? nil : "nonsense"))
            default: members.append(JSONMember("type", JSONNode(kind.word)))
            }
        }
        for key in keys where below(4) == 0 && !members.contains(where: { $0.key == key.name }) {
            switch key.content {
            case .value(let schema, _): members.append(JSONMember(key.name, try value(schema, strictness)))
            case .section(let inner):
                let node = below(30) == 0 ? Self.anything[below(Self.anything.count)] : try self.section(inner, strictness)
                members.append(JSONMember(key.name, node))
            }
        }
        if below(40) == 0 { members.append(JSONMember("unknown", 1)) }
        return JSONNode(members)
    }

    private mutating func value(_ schema: JSONNode, _ strictness: Int) throws -> JSONNode {
        let near = Self.near(schema)
        let isStrict = below(strictness + 1) > 0
        for _ in 0..<100 {
            let node = below(3) == 0 || near.isEmpty ? Self.anything[below(Self.anything.count)] : near[below(near.count)]
            if try !isStrict || SchemaChecker().accepts(node, schema) { return node }
        }
        return nil
    }

    /// Values at and beyond the limits that a schema sets.
    private static func near(_ schema: JSONNode) -> [JSONNode] {
        var nodes = schema["enum"]?.array ?? []
        if let word = schema["const"] { nodes.append(word) }
        for limit in ["minimum", "maximum"] {
            guard let node = schema[limit] else { continue }
            if let number = node.integer {
                nodes += [-1, 0, 1].compactMap { step in
                    let (sum, overflow) = number.addingReportingOverflow(step)
                    return overflow ? .none : JSONNode(sum)
                }
            }
            if let number = node.double { nodes += [JSONNode(number), JSONNode(number * 1.5 + 0.1), JSONNode(number * 0.5)] }
        }
        for inner in schema["anyOf"]?.array ?? [] { nodes += near(inner) }
        if let limit = schema["maxLength"]?.integer {
            nodes += ["a", "ü", "-"].flatMap { letter in
                [JSONNode(String(repeating: letter, count: limit)), JSONNode(String(repeating: letter, count: limit + 1))]
            }
        }
        return nodes
    }

    private static let anything: [JSONNode] = [
        nil, true, false, 0, 1, 2, -1, 3.0, 0.5, 2.5, -0.25, 1e300, JSONNode(.bigInteger("123456789012345678901234567890")), "", "a",
        "auto", "A-b_c.1",
        "a b", "a/b", "tab\tin it", "line\nend\n", "del\u{7F}", "cpu", "vulkan", "vulkan:", "vulkan:1", "vulkan:a b", "gpu", "2GiB", "0GiB",
        "1.5 MiB",
        "1.5.5MiB", ".5GiB", "5.GiB", "GiB", "1e3KiB", "-1GiB", "+5", "0", "00012", "12", "1234567GiB", "999999TiB", "99999999999999999999",
        "2 GB",
        "all-linear", "q_proj", ".*q_proj", "pissa_niter_4", "pissa_niter_04", "full", "lora", [], ["a"], ["a", "b"], [""], [1], [nil],
        JSONNode([JSONMember]()), ["a": "b"],
        ["a": 1],
        ["a": 1.5],
        ["a": 2.0], ["a": nil], ["": 1], [0, 2], [2, -1], ["type": "lora"], JSONNode((0..<17).map { JSONMember("k\($0)", "v") }),
    ]
}
