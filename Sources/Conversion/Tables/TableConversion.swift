import JSON

/// Makes conversations of a table's rows.
struct TableConversion {
    let file: String
    let options: ConversionOptions
    private var reader: TableReader
    private(set) var names: [String] = []
    private(set) var columns: TableColumns
    private var first: [TableReader.Field]?

    /// - Throws: ``ConversionProblem`` if the table has no rows, or no columns that are known.
    init(_ bytes: [UInt8], file: String, _ options: ConversionOptions) throws(ConversionProblem) {
        self.file = file
        self.options = options
        reader = TableReader(bytes, file: file, separator: options.separator)
        guard let row = try reader.next() else { throw ConversionProblem(file: file, "holds nothing but blank lines") }
        if options.hasHeader { names = row.map(\.text) } else { first = row }
        columns = try TableColumns(names, count: row.count, options, file: file)
    }

    /// Gives every conversation and every problem, in the order of the file.
    mutating func run(_ collector: inout ConversionCollector) {
        var turns = TurnGroups()
        while true {
            do throws(ConversionProblem) {
                let row: [TableReader.Field]
                if let held = first {
                    (row, first) = (held, nil)
                } else {
                    guard let next = try reader.next() else { break }
                    row = next
                }
                switch columns {
                case .pairs(let question, let answer, let system, let context):
                    collector.add(
                        try pair(row, question: question, answer: answer, system: system, context: context), line: row[0].line)
                case .turns(let conversation, let speaker, let text):
                    turns.add(try turn(row, conversation, speaker, text), of: row[conversation].text, line: row[0].line)
                }
            } catch { collector.add(error) }
        }
        for group in turns.all { collector.add(group.messages, line: group.line) }
    }

    /// A cell that must hold text.
    private func text(_ row: [TableReader.Field], _ index: Int, _ part: String) throws(ConversionProblem) -> String {
        guard let field = row[safe: index] else {
            throw ConversionProblem(
                file: file, line: row[0].line, column: row[row.count - 1].column,
                "the row ends here, before the \(part) in column \(index + 1)")
        }
        guard !field.text.allSatisfy(\.isWhitespace) else {
            throw ConversionProblem(file: file, line: field.line, column: field.column, "the \(part) is empty")
        }
        return field.text
    }

    private func pair(_ row: [TableReader.Field], question: Int, answer: Int, system: Int?, context: Int?) throws(ConversionProblem)
        -> [ChatMessage]
    {
        var asked = try text(row, question, "question")
        let said = try text(row, answer, "answer")
        if let context, let more = row[safe: context]?.text, !more.allSatisfy(\.isWhitespace) { asked += "\n\n" + more }
        var messages = [ChatMessage(role: "user", content: asked), ChatMessage(role: "assistant", content: said)]
        if let system, let rule = row[safe: system]?.text, !rule.allSatisfy(\.isWhitespace) {
            messages.insert(ChatMessage(role: "system", content: rule), at: 0)
        }
        return messages
    }

    private func turn(_ row: [TableReader.Field], _ conversation: Int, _ speaker: Int, _ text: Int) throws(ConversionProblem) -> ChatMessage
    {
        _ = try self.text(row, conversation, "conversation")
        let name = try self.text(row, speaker, "speaker")
        let words = try self.text(row, text, "text")
        guard let role = KnownNames.role(name, options.assistants) else {
            throw ConversionProblem(
                file: file, line: row[speaker].line, column: row[speaker].column,
                "\"\(name.prefix(40))\" is not known as a user or an assistant: say who is the assistant with --assistant NAME")
        }
        return ChatMessage(role: role, content: words)
    }
}

/// Turns by the conversation that they belong to, in the order in which conversations begin.
private struct TurnGroups {
    private var places: [String: Int] = [:]
    private(set) var all: [(messages: [ChatMessage], line: Int)] = []

    mutating func add(_ message: ChatMessage, of conversation: String, line: Int) {
        let place = places[conversation] ?? all.count
        if place == all.count {
            places[conversation] = place
            all.append(([], line))
        }
        all[place].messages.append(message)
    }
}
