import JSON

/// The calls of tools in one answer.
struct AnswerCalls: Sendable {
    private struct Call: Sendable {
        var id: String
        var name: String
        var arguments = ""
    }
    private var calls: [Call] = []
    /// What makes the ids of this answer's calls differ from all others'.
    private let source: String

    init(source: String) { self.source = source }

    var isEmpty: Bool { calls.isEmpty }

    /// Takes what an engine says of calls.
    /// - Returns: the `tool_calls` of a chunk: id, type and name with the first, arguments after.
    mutating func take(_ pieces: [JSONNode]) -> [JSONNode] {
        var deltas: [JSONNode] = []
        for piece in pieces {
            let index = piece["index"]?.integer ?? 0
            if let name = piece["name"]?.string, index == calls.count {
                calls.append(Call(id: Self.identifier(source, index), name: name))
                deltas.append([
                    "index": JSONNode(index), "id": JSONNode(calls[index].id), "type": "function",
                    "function": ["name": JSONNode(name), "arguments": ""],
                ])
            }
            guard calls.indices.contains(index), let text = piece["arguments"]?.string, !text.isEmpty else { continue }
            calls[index].arguments += text
            deltas.append(["index": JSONNode(index), "function": ["arguments": JSONNode(text)]])
        }
        return deltas
    }

    /// The `tool_calls` of a message.
    var nodes: [JSONNode] {
        calls.map { call in
            [
                "id": JSONNode(call.id), "type": "function",
                "function": ["name": JSONNode(call.name), "arguments": JSONNode(call.arguments)],
            ]
        }
    }

    /// Nine letters and digits: there are templates that take no others.
    private static func identifier(_ source: String, _ index: Int) -> String {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(source)/\(index)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        var characters: [UInt8] = []
        for _ in 0..<9 {
            hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
            characters.append(alphabet[Int((hash >> 33) % 62)])
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
