import JSON
import Tokenization

/// Finds what a table has filled in: in Parquet and Arrow every call has the arguments of all
/// others, and every schema their properties, null where they do not belong. Nothing is dropped;
/// the report names the keys.
enum TableNulls {
    static func check(_ conversation: Conversation, _ findings: inout RecordFindings) {
        let schemas = (conversation.tools?.array ?? []).map { $0["function"] ?? $0 }
        for (index, schema) in schemas.enumerated() {
            let keys = nullKeys(schema) { $0 == "default" || $0 == "const" || $0 == "examples" || $0 == "example" }
            guard !keys.isEmpty else { continue }
            findings.warn(
                "null_in_schema", "tools[\(index)].function", at: schema,
                "has keys that are null: \(shown(keys)), as a table fills them in; they are trained as they stand: export the data again without them"
            )
        }
        for (index, message) in (conversation.messages.array ?? []).enumerated() {
            for (place, call) in (message["tool_calls"]?.array ?? []).enumerated() {
                let function = call["function"] ?? call
                guard let arguments = function["arguments"] else { continue }
                let parsed = arguments.string.map { try? JSONParser().parse($0) } ?? arguments
                let schema = schemas.first { $0["name"]?.string == function["name"]?.string }
                let keys = parsed.map { unexpected($0, schema?["parameters"]) } ?? []
                guard !keys.isEmpty else { continue }
                findings.warn(
                    "null_arguments", "\(conversation.path(of: index)).tool_calls[\(place)].function.arguments", at: arguments,
                    "has keys that are null and not in the tool's schema, or not null there: \(shown(keys)), as a table fills them in; "
                        + "they are trained as they stand: export the data again without them")
            }
        }
    }

    private static func shown(_ keys: [String]) -> String {
        keys.prefix(8).map { String($0.prefix(40)) }.joined(separator: ", ") + (keys.count > 8 ? ", ..." : "")
    }

    /// Keys of a value that are null though the schema does not say that they may be.
    private static func unexpected(_ node: JSONNode, _ schema: JSONNode?) -> [String] {
        if let elements = node.array { return elements.flatMap { unexpected($0, schema?["items"]) } }
        return (node.object ?? []).flatMap { member in
            let property = schema?["properties"]?[member.key]
            guard member.node.isNull else { return unexpected(member.node, property) }
            return mayBeNull(property) ? [] : [member.key]
        }
    }

    private static func mayBeNull(_ schema: JSONNode?) -> Bool {
        guard let schema, schema.object != nil else { return false }
        if schema["nullable"]?.bool == true || schema["default"]?.isNull == true { return true }
        if schema["enum"]?.array?.contains(where: \.isNull) == true { return true }
        for key in ["anyOf", "oneOf"] { if let choices = schema[key]?.array { return choices.contains { mayBeNull($0) } } }
        guard let type = schema["type"], !type.isNull else { return true }
        return type.string == "null" || type.array?.contains { $0.string == "null" } == true
    }

    private static func nullKeys(_ node: JSONNode, except isMeant: (String) -> Bool) -> [String] {
        if let elements = node.array { return elements.flatMap { nullKeys($0, except: isMeant) } }
        return (node.object ?? []).flatMap { member in
            isMeant(member.key) ? [] : member.node.isNull ? [member.key] : nullKeys(member.node, except: isMeant)
        }
    }
}
