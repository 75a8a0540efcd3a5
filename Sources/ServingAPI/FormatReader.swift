import Constraints
import JSON

/// Reads `response_format`: text, any JSON object, or JSON of a schema.
enum FormatReader {
    /// - Parameter path: the field's name.
    /// - Returns: what an engine is told of the answers; nil where they may be anything.
    /// - Throws: ``APIError`` naming the place in the schema.
    static func answer(_ format: JSONNode?, _ path: String = "response_format") throws(APIError) -> JSONNode? {
        guard let format else { return nil }
        var fields = try FieldReader(format, prefix: path + ".")
        let type = try fields.string("type")
        switch type {
        case "text"?:
            try fields.finish()
            return nil
        case "json_object"?:
            try fields.finish()
            return ["schema": ["type": "object"]]
        case "json_schema"?:
            guard let inner = fields.take("json_schema") else {
                throw APIError(400, "\(path).json_schema is missing.", parameter: path + ".json_schema", code: "missing_required_parameter")
            }
            try fields.finish()
            return ["schema": try schema(inner, path + ".json_schema")]
        default:
            throw APIError(
                400, "\(path).type is \(APIError.shown(format["type"] ?? .null)), but must be text, json_object or json_schema.",
                parameter: path + ".type", code: "invalid_value")
        }
    }

    /// A schema with its name around it.
    static func schema(_ node: JSONNode, _ path: String, isTyped: Bool = false) throws(APIError) -> JSONNode {
        var fields = try FieldReader(node, prefix: path + ".")
        if isTyped { fields.accept("type") }
        guard let name = try fields.string("name"), !name.isEmpty, name.utf8.count <= 64 else {
            throw APIError(400, "\(path).name must be a name of 1 to 64 characters.", parameter: path + ".name", code: "invalid_value")
        }
        _ = try fields.string("description")
        // A schema is kept to whether it is called strict or not.
        _ = try fields.flag("strict")
        guard let schema = fields.take("schema") else {
            throw APIError(400, "\(path).schema is missing.", parameter: path + ".schema", code: "missing_required_parameter")
        }
        try fields.finish()
        do throws(ConstraintError) { _ = try Automaton(schema: schema) } catch {
            throw APIError(
                400, "\(path).schema\(error.path) \(error.reason).", parameter: path + ".schema" + error.path, code: "invalid_json_schema")
        }
        return schema
    }
}
