import Grading
import JSON

extension ValueForm where Value == [Grader] {
    private static var limit: Int { 32 }

    /// A list of graders.
    static var graders: ValueForm {
        ValueForm(
            schema: [
                "type": "array", "maxItems": JSONNode(limit),
                "items": [
                    "type": "object", "required": ["type"],
                    "properties": ["type": ["enum": ["string_check", "text_similarity", "json", "multi"]]],
                ],
            ], words: "a list of graders (`string_check`, `text_similarity`, `json`, `multi`)",
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else {
                    throw ValueRefusal("is \(node.kindName), not a list of graders")
                }
                guard elements.count <= limit else {
                    throw ValueRefusal("has \(elements.count) graders; \(limit) are allowed")
                }
                var graders: [Grader] = []
                for (index, element) in elements.enumerated() {
                    do throws(GraderRefusal) {
                        graders.append(try Grader(element, called: "grader_\(index + 1)"))
                    } catch {
                        throw ValueRefusal("[\(index)].\(error.message)")
                    }
                }
                if let twice = graders.map(\.name).first(where: { name in
                    graders.filter { $0.name == name }.count > 1
                }) {
                    throw ValueRefusal("holds two graders of the name \"\(twice)\"")
                }
                return graders
            }, write: { $0.isEmpty ? .none : JSONNode($0.compactMap { try? JSONParser().parse($0.source) }) })
    }
}
