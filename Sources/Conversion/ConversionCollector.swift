import Datasets
package import JSON

/// The chat lines that a conversion makes, and what is wrong with the rest.
package struct ConversionCollector {
    let file: String
    /// Lines of JSON with their ends.
    package private(set) var lines: [UInt8] = []
    package private(set) var exampleCount = 0
    /// The first conversation, to be looked at.
    package private(set) var firstExample: JSONNode?
    /// The first of them.
    package private(set) var problems: [ConversionProblem] = []
    package private(set) var problemCount = 0

    private static let limit = 100

    init(file: String) { self.file = file }

    mutating func add(_ messages: [ChatMessage], line: Int) {
        add(record: ["messages": JSONNode(ChatMessage.joined(messages).map(\.json))], line: line, column: nil)
    }

    /// Takes a record of the chat format, if training would take it.
    mutating func add(record: JSONNode, line: Int, column: Int?) {
        let bytes = JSONWriter().bytes(record)
        let found = ChatLineCheck.problems(bytes, file: file, number: line)
        guard found.isEmpty else {
            for problem in found {
                add(ConversionProblem(file: file, line: line, column: column, (problem.field.map { $0 + ": " } ?? "") + problem.message))
            }
            return
        }
        if firstExample == nil { firstExample = record }
        exampleCount += 1
        lines += bytes
        lines.append(UInt8(ascii: "\n"))
    }

    mutating func add(_ problem: ConversionProblem) {
        problemCount += 1
        if problems.count < Self.limit { problems.append(problem) }
    }
}
