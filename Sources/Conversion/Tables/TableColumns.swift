/// Which columns of a table hold what.
enum TableColumns: Hashable {
    /// A row is a question with its answer; `context` is read behind the question.
    case pairs(question: Int, answer: Int, system: Int?, context: Int?)
    /// A row is a turn; rows with one name belong together.
    case turns(conversation: Int, speaker: Int, text: Int)

    /// - Parameter names: of the columns; empty where the table has none.
    /// - Throws: ``ConversionProblem`` that says what to name.
    init(_ names: [String], count: Int, _ options: ConversionOptions, file: String) throws(ConversionProblem) {
        let folded = names.map(KnownNames.folded)
        func column(_ wanted: String) throws(ConversionProblem) -> Int {
            if let index = folded.firstIndex(of: KnownNames.folded(wanted)) { return index }
            if let number = Int(wanted), (1...max(1, count)).contains(number) { return number - 1 }
            throw ConversionProblem(
                file: file, line: 1,
                "there is no column \"\(wanted)\""
                    + (names.isEmpty ? "; they are numbered from 1 to \(count)" : "; there are \(Self.list(names))"))
        }
        func find(_ wanted: String?, _ known: [String], except taken: [Int] = []) throws(ConversionProblem) -> Int? {
            if let wanted { return try column(wanted) }
            return known.lazy.compactMap { name in folded.indices.first { folded[$0] == name && !taken.contains($0) } }.first
        }
        let speaker = try find(options.speaker, KnownNames.speakers)
        if options.question == nil, options.answer == nil, let speaker,
            let text = try find(options.text, KnownNames.texts, except: [speaker])
        {
            guard let conversation = try find(options.conversation, KnownNames.conversations, except: [speaker, text]) else {
                throw ConversionProblem(
                    file: file, line: 1,
                    "a row is a turn of a conversation here, but no column says of which: name it with --conversation; there are "
                        + Self.list(names))
            }
            self = .turns(conversation: conversation, speaker: speaker, text: text)
            return
        }
        var question = try find(options.question, KnownNames.questions)
        var answer = try find(options.answer, KnownNames.answers, except: question.map { [$0] } ?? [])
        if names.isEmpty, count == 2, question == nil, answer == nil { (question, answer) = (0, 1) }
        guard let question, let answer, question != answer else {
            throw ConversionProblem(file: file, line: 1, Self.advice(names, count))
        }
        let context = folded[safe: question] == "instruction" ? folded.firstIndex(of: "input") ?? folded.firstIndex(of: "context") : nil
        self = .pairs(
            question: question, answer: answer, system: try find(options.system, KnownNames.systems, except: [question, answer]),
            context: context == answer ? nil : context)
    }

    private static func list(_ names: [String]) -> String { names.prefix(20).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ") }

    private static func advice(_ names: [String], _ count: Int) -> String {
        guard count > 1 else { return "has one column: a question and its answer are needed; --separator names what stands between them" }
        guard !names.isEmpty else { return "has \(count) columns: say which are meant, such as --question 1 --answer 2" }
        let isData = names.contains { $0.count > 40 || $0.hasSuffix("?") || $0.hasSuffix(".") }
        return "the first row names no question and no answer: \(list(names)); "
            + (isData
                ? "if it is a question with its answer already, give --no-header"
                : "say which are meant, such as --question \"\(names[0])\" --answer \"\(names[1])\"")
    }

    /// The columns with their names, for a report.
    func description(_ names: [String]) -> [(part: String, column: String)] {
        func name(_ index: Int) -> String { names[safe: index] ?? "\(index + 1)" }
        switch self {
        case .pairs(let question, let answer, let system, let context):
            return [("question", name(question)), ("answer", name(answer))] + (system.map { [("system", name($0))] } ?? [])
                + (context.map { [("context", name($0))] } ?? [])
        case .turns(let conversation, let speaker, let text):
            return [("conversation", name(conversation)), ("speaker", name(speaker)), ("text", name(text))]
        }
    }
}

extension Array {
    /// The element at a place, or nil where there is none.
    subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
