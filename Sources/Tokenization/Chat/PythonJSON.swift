import JSON
import Templates

/// JSON text as Python's `json.dumps` writes it.
enum PythonJSON {
    private static let plain = try? Template("{{ value | tojson }}")
    private static let ascii = try? Template("{{ value | tojson(ensure_ascii=true) }}")
    private static let printed = try? Template("{{ [value] }}")

    static func text(_ node: JSONNode) -> String {
        (try? plain?.render(["value": node]).text) ?? JSONWriter().string(node)
    }

    /// How a text stands in JSON, with and without other letters than ASCII, and in what Python
    /// prints of a list; without the quotes.
    static func escapes(_ text: String) -> [String] {
        [plain, ascii].compactMap { try? $0?.render(["value": JSONNode(text)]).text }.map { String($0.dropFirst().dropLast()) }
            + [printed].compactMap { try? $0?.render(["value": JSONNode(text)]).text }.map { String($0.dropFirst(2).dropLast(2)) }
    }
}
