package import Datasets
package import JSON
package import Tokenization

/// A record as a question to a model: what comes before its answer, and the answer that is right.
package struct Question: Sendable {
    package var line: Int
    /// The tokens that the answer follows.
    package var prompt: [Int32]
    /// What graders read: the record, with its answer as `reference` unless it has one.
    package var item: JSONNode

    /// - Throws: what is wrong with the record.
    package init(_ record: RecordList.Record, encoder: ChatEncoder) throws(DatasetProblem) {
        let (node, line) = (record.node, record.line)
        self.line = line
        func problem(_ field: String?, _ message: String) -> DatasetProblem {
            DatasetProblem(
                kind: "missing_reference", file: "", line: line, field: field, found: "no answer",
                expected: "an answer", message)
        }
        let reference: String?
        if let messages = node["messages"]?.array {
            let last = messages.lastIndex { $0["role"]?.string == "assistant" }
            // An answer that is marked as a bad one is no reference.
            reference = node["label"]?.bool == false ? nil : last.flatMap { Self.content(messages[$0]) }
            let before = Array(messages[..<(last ?? messages.count)])
            guard !before.isEmpty else {
                throw problem("messages", "begins with the answer: there is no question before it")
            }
            do throws(ChatError) {
                let text = try encoder.render(
                    messages: JSONNode(before), tools: node["tools"], addGenerationPrompt: true)
                prompt = encoder.tokenizer.encode(text, addSpecialTokens: false)
            } catch { throw problem("messages", "\(error)") }
        } else if let messages = (node["input"]?["messages"] ?? node["prompt"])?.array {
            // A pair of answers: the one that is preferred is right.
            reference = (node["preferred_output"] ?? node["chosen"] ?? node["completion"])?.array?.last.flatMap(Self.content)
            do throws(ChatError) {
                let text = try encoder.render(
                    messages: JSONNode(messages), tools: node["input"]?["tools"] ?? node["tools"], addGenerationPrompt: true)
                prompt = encoder.tokenizer.encode(text, addSpecialTokens: false)
            } catch { throw problem(node["input"] == nil ? "prompt" : "input", "\(error)") }
        } else if let text = node["prompt"]?.string {
            reference = (node["completion"] ?? node["chosen"])?.string
            prompt = encoder.tokenizer.encode(text, addSpecialTokens: true)
        } else {
            throw problem(nil, "has neither messages nor a prompt, so there is nothing to answer")
        }
        var members = node.object ?? []
        if node["reference"] == nil, let reference {
            members.append(JSONMember("reference", JSONNode(reference)))
        }
        item = JSONNode(members)
    }

    private static func content(_ message: JSONNode) -> String? {
        if let text = message["content"]?.string { return text }
        return message["content"]?.array.map { $0.compactMap { $0["text"]?.string }.joined() }
    }
}
