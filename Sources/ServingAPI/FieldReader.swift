import JSON

/// Reads the members of a request; each may be asked for once, and one that nobody asked for is an
/// error.
struct FieldReader {
    private let members: [String: JSONNode]
    private var known: Set<String> = []
    /// What stands before a field's name in errors: `stream_options.`.
    private let prefix: String

    init(_ node: JSONNode, prefix: String = "") throws(APIError) {
        guard let object = node.object else {
            throw APIError(
                400, "\(prefix.isEmpty ? "The body" : String(prefix.dropLast())) must be an object, not \(node.kindName).",
                parameter: prefix.isEmpty ? nil : String(prefix.dropLast()), code: "invalid_type")
        }
        members = Dictionary(object.map { ($0.key, $0.node) }) { first, _ in first }
        self.prefix = prefix
    }

    /// A member that is there and not null.
    mutating func take(_ name: String) -> JSONNode? {
        known.insert(name)
        return members[name].flatMap { $0.isNull ? nil : $0 }
    }

    func wrong(_ name: String, _ value: JSONNode, _ wanted: String, code: String = "invalid_value") -> APIError {
        APIError(400, "\(prefix)\(name) is \(APIError.shown(value)), but must be \(wanted).", parameter: prefix + name, code: code)
    }

    mutating func string(_ name: String) throws(APIError) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.string else { throw wrong(name, value, "a string", code: "invalid_type") }
        return text
    }

    mutating func flag(_ name: String) throws(APIError) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let flag = value.bool else { throw wrong(name, value, "true or false", code: "invalid_type") }
        return flag
    }

    mutating func number(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = take(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw wrong(name, value, "a number from \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))")
        }
        return number
    }

    mutating func whole(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = take(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw wrong(name, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A field of the API that is not supported: only its default passes.
    mutating func unsupported(_ name: String, unless defaults: [JSONNode] = []) throws(APIError) {
        guard let value = take(name) else { return }
        let given = JSONWriter().string(value)
        if defaults.contains(where: { JSONWriter().string($0) == given }) { return }
        throw APIError(
            400, "\(prefix)\(name) is not supported" + (defaults.isEmpty ? "." : " except as \(APIError.shown(defaults[0]))."),
            parameter: prefix + name, code: "unsupported_parameter")
    }

    /// Fields that change nothing.
    mutating func accept(_ names: String...) { for name in names { known.insert(name) } }

    /// - Throws: for the first member that nobody asked for.
    func finish() throws(APIError) {
        guard let stray = members.keys.filter({ !known.contains($0) }).min() else { return }
        throw APIError(
            400, "Unrecognized request argument supplied: \(APIError.shown(JSONNode(prefix + stray))).",
            parameter: String((prefix + stray).prefix(80)),
            code: "unknown_parameter")
    }

    private static func short(_ number: Double) -> String { number == number.rounded() ? "\(Int(number))" : "\(number)" }
}
