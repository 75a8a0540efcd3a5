import JSON

/// What is found while one record is checked: all of it, not the first thing alone.
struct RecordFindings {
    let file: String
    /// The physical line on which the record begins.
    let line: Int
    /// Of an element of a JSON array: its place.
    let index: Int?
    private let bytes: UnsafeBufferPointer<UInt8>
    private(set) var problems: [DatasetProblem] = []
    private(set) var warnings: [DatasetProblem] = []

    init(file: String, line: Int, index: Int?, bytes: UnsafeBufferPointer<UInt8>) {
        self.file = file
        self.line = line
        self.index = index
        self.bytes = bytes
    }

    /// Problems that one record may add: a list of a million nulls is one mistake.
    private static let limit = 100

    /// The line of a byte of the record; elements of an array may reach over many.
    func line(at offset: Int) -> Int { line + Bytes.count(of: Bytes.lineEnd, in: bytes[..<min(max(0, offset), bytes.count)]) }

    private func path(_ field: String?) -> String? {
        guard let index else { return field.flatMap { $0.isEmpty ? nil : $0 } }
        guard let field, !field.isEmpty else { return "[\(index)]" }
        return field.hasPrefix("[") ? "[\(index)]\(field)" : "[\(index)].\(field)"
    }

    /// - Parameters:
    ///   - node: the value concerned, for its line.
    ///   - message: nil builds one from `found` and `expected`.
    mutating func add(
        _ kind: String, _ field: String?, at node: JSONNode? = nil, offset: Int? = nil, found: String? = nil, expected: String? = nil,
        _ message: String? = nil
    ) {
        guard problems.count < Self.limit else { return }
        problems.append(problem(kind, field, at: node, offset: offset, found: found, expected: expected, message))
    }

    mutating func warn(_ kind: String, _ field: String?, at node: JSONNode? = nil, _ message: String) {
        guard warnings.count < Self.limit else { return }
        warnings.append(problem(kind, field, at: node, offset: nil, found: nil, expected: nil, message))
    }

    private func problem(
        _ kind: String, _ field: String?, at node: JSONNode?, offset: Int?, found: String?, expected: String?, _ message: String?
    ) -> DatasetProblem {
        DatasetProblem(
            kind: kind, file: file, line: line(at: offset ?? node?.offset ?? 0), field: path(field), found: found, expected: expected,
            message ?? "found \(found ?? "nothing"), expected \(expected ?? "something else")")
    }

    // MARK: Common checks

    mutating func missing(_ field: String, in node: JSONNode?, expected: String, hint: String? = nil) {
        let keys = node?.object.map {
            $0.isEmpty ? "no key" : "the keys " + $0.prefix(8).map { "\($0.key.prefix(40))" }.joined(separator: ", ")
        }
        add(
            "missing_field", field, at: node, found: keys ?? "nothing", expected: expected,
            "is missing" + (hint.map { "; \($0)" } ?? ", expected \(expected)"))
    }

    mutating func wrongType(_ field: String?, _ node: JSONNode, expected: String) {
        add("wrong_type", field, at: node, found: Self.shown(node), expected: expected, "is \(Self.shown(node)), not \(expected)")
    }

    /// A value in a few words: the kind, and what stands there if it is short.
    static func shown(_ node: JSONNode) -> String {
        switch node.value {
        case .integer(let number): "a number (\(number))"
        case .double(let number): "a number (\(number))"
        case .bool(let flag): "a boolean (\(flag))"
        case .string(let text): "a string (\"\(text.prefix(40))\")"
        default: node.kindName
        }
    }

    /// A string that must be there; nil after a problem was added.
    mutating func requiredText(_ key: String, in node: JSONNode, mayBeEmpty: Bool = false, hint: String? = nil) -> String? {
        guard let value = node[key] else {
            missing(key, in: node, expected: "a string", hint: hint)
            return nil
        }
        guard let text = value.string else {
            wrongType(key, value, expected: "a string")
            return nil
        }
        if text.isEmpty, !mayBeEmpty { add("empty_field", key, at: value, found: "an empty string", expected: "some text", "is empty") }
        return text
    }
}
