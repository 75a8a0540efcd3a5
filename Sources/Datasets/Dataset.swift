import JSON
import Storage
public import Tokenization

/// Tokenised examples, one behind the other in memory.
public struct Dataset: Sendable {
    private var ids: [Int32] = []
    private var trained: [Bool] = []
    private var starts: [Int] = [0]
    /// The line of the file that each example came from.
    public private(set) var lines: [Int] = []

    public init() {}

    public var count: Int { starts.count - 1 }
    public var tokenCount: Int { ids.count }

    public func tokenCount(of index: Int) -> Int { starts[index + 1] - starts[index] }

    public func example(_ index: Int) -> TokenizedExample {
        let range = starts[index]..<starts[index + 1]
        return TokenizedExample(ids: Array(ids[range]), isTrained: Array(trained[range]))
    }

    public func trainedTokenCount(of index: Int) -> Int {
        trained[starts[index]..<starts[index + 1]].dropFirst().reduce(0) { $0 + ($1 ? 1 : 0) }
    }

    public mutating func append(_ example: TokenizedExample, line: Int) {
        ids += example.ids
        trained += example.isTrained
        starts.append(ids.count)
        lines.append(line)
    }

    /// The examples at these places, in their order.
    public func subset(_ indices: [Int]) -> Dataset {
        var result = Dataset()
        for index in indices { result.append(example(index), line: lines[index]) }
        return result
    }

    public var longestExample: Int { (0..<count).map { tokenCount(of: $0) }.max() ?? 0 }
}

/// Reads a file into a ``Dataset``, checking every line.
public struct DatasetReader: Sendable {
    public let encoder: ChatEncoder
    public let options: DatasetOptions

    public init(encoder: ChatEncoder, options: DatasetOptions) {
        self.encoder = encoder
        self.options = options
    }

    /// Reads all lines; whatever is wrong stands in the report, and the dataset holds what is right.
    public func read(_ path: String) -> (dataset: Dataset, report: ValidationReport) {
        var report = ValidationReport(file: DurableFiles.split(path).name)
        var dataset = Dataset()
        do throws(DatasetProblem) {
            if options.format == .text {
                try readText(path, &dataset, &report)
            } else {
                try readLines(path, &dataset, &report)
            }
        } catch {
            report.add(error)
        }
        if dataset.count == 0, report.isValid {
            report.add(DatasetProblem(kind: "empty_dataset", file: report.file, "holds no example"))
        }
        return (dataset, report)
    }

    private func readLines(_ path: String, _ dataset: inout Dataset, _ report: inout ValidationReport) throws(DatasetProblem) {
        var reader = try LineReader(path: path)
        defer { reader.finish() }
        var seen: Set<[Int32]> = []
        let parser = JSONParser()
        while var line = try reader.next() {
            let number = reader.lineNumber
            if number == 1 {
                if line.starts(with: [0x1F, 0x8B]) {
                    throw DatasetProblem(kind: "unreadable", file: report.file, line: 1, "is gzip data, not text: unpack it first")
                }
                if line.starts(with: [0xFF, 0xFE]) || line.starts(with: [0xFE, 0xFF]) {
                    throw DatasetProblem(kind: "unreadable", file: report.file, line: 1, "is UTF-16 text: save it as UTF-8")
                }
                if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
            }
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
            do throws(DatasetProblem) {
                let node: JSONNode
                do throws(JSONError) { node = try parser.parse(line) } catch {
                    let path = JSONPath.path(of: error.offset, in: line)
                    throw DatasetProblem(
                        kind: "invalid_json", file: report.file, line: number, field: path.isEmpty ? nil : path,
                        "\(error) (column \(error.offset + 1))")
                }
                let example = try encode(node, file: report.file, line: number)
                try add(example, line: number, &dataset, &report, &seen)
            } catch {
                report.add(error)
            }
        }
    }

    private func encode(_ node: JSONNode, file: String, line: Int) throws(DatasetProblem) -> TokenizedExample {
        if options.format == .completion {
            guard let prompt = node["prompt"]?.string else {
                throw DatasetProblem(kind: "invalid_message", file: file, line: line, field: "prompt", "is missing or no string")
            }
            guard let completion = node["completion"]?.string, !completion.isEmpty else {
                throw DatasetProblem(kind: "invalid_message", file: file, line: line, field: "completion", "is missing, empty or no string")
            }
            return encoder.encode(prompt: prompt, completion: completion, trainOn: options.trainOn)
        }
        try ConversationChecks.check(node, file: file, line: line)
        guard let messages = node["messages"] else { return TokenizedExample(ids: [], isTrained: []) }
        do throws(ChatError) { return try encoder.encode(messages: messages, tools: node["tools"], trainOn: options.trainOn) } catch {
            throw DatasetProblem(kind: "template", file: file, line: line, field: "messages", "\(error)")
        }
    }

    private func add(
        _ example: TokenizedExample, line: Int, _ dataset: inout Dataset, _ report: inout ValidationReport, _ seen: inout Set<[Int32]>
    ) throws(DatasetProblem) {
        var example = example
        if example.ids.count > options.maximumLength {
            report.excessCount += 1
            switch options.onExcess {
            case .error:
                throw DatasetProblem(
                    kind: "too_long", file: report.file, line: line,
                    "has \(example.ids.count) tokens, max_length is \(options.maximumLength): raise max_length, or set on_excess to truncate or drop"
                )
            case .drop: return
            case .truncate:
                example = TokenizedExample(
                    ids: Array(example.ids.prefix(options.maximumLength)), isTrained: Array(example.isTrained.prefix(options.maximumLength))
                )
            }
        }
        let trained = example.trainedTokenCount
        guard trained > 0 else {
            throw DatasetProblem(kind: "no_trained_token", file: report.file, line: line, "holds no token that training would predict")
        }
        report.exampleCount += 1
        report.tokenCount += example.ids.count
        report.trainedTokenCount += trained
        if trained < 3 { report.nearEmptyCount += 1 }
        if example.ids.count > report.longestExample { (report.longestExample, report.longestLine) = (example.ids.count, line) }
        if !seen.insert(example.ids).inserted { report.duplicateCount += 1 }
        dataset.append(example, line: line)
    }

    /// Documents one behind the other, each closed by an end token, cut into rows of `maximumLength` tokens. The last row may be shorter.
    private func readText(_ path: String, _ dataset: inout Dataset, _ report: inout ValidationReport) throws(DatasetProblem) {
        var reader = try LineReader(path: path)
        defer { reader.finish() }
        let isPlain = !path.hasSuffix(".jsonl")
        var pending: [Int32] = []
        var document: [UInt8] = []
        var rowLine = 1
        func flush(_ dataset: inout Dataset, _ report: inout ValidationReport, final: Bool) {
            while pending.count >= options.maximumLength || (final && pending.count > 1) {
                let row = Array(pending.prefix(options.maximumLength))
                pending.removeFirst(row.count)
                report.exampleCount += 1
                report.tokenCount += row.count
                report.trainedTokenCount += row.count - 1
                if row.count > report.longestExample { (report.longestExample, report.longestLine) = (row.count, rowLine) }
                dataset.append(TokenizedExample(ids: row, isTrained: Array(repeating: true, count: row.count)), line: rowLine)
                rowLine = reader.lineNumber
            }
        }
        func close(_ bytes: [UInt8]) throws(DatasetProblem) {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw DatasetProblem(kind: "unreadable", file: report.file, line: reader.lineNumber, "is not valid UTF-8")
            }
            pending += encoder.encode(document: text)
        }
        let parser = JSONParser()
        while var line = try reader.next() {
            if reader.lineNumber == 1, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
            if isPlain {
                if !line.isEmpty {
                    if !document.isEmpty { document.append(UInt8(ascii: "\n")) }
                    document += line
                } else if !document.isEmpty {
                    try close(document)
                    document = []
                }
            } else if !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
                let node: JSONNode
                do throws(JSONError) { node = try parser.parse(line) } catch {
                    throw DatasetProblem(
                        kind: "invalid_json", file: report.file, line: reader.lineNumber, "\(error) (column \(error.offset + 1))")
                }
                guard let text = node["text"]?.string, !text.isEmpty else {
                    throw DatasetProblem(
                        kind: "invalid_message", file: report.file, line: reader.lineNumber, field: "text", "is missing, empty or no string"
                    )
                }
                pending += encoder.encode(document: text)
            }
            flush(&dataset, &report, final: false)
        }
        if !document.isEmpty { try close(document) }
        flush(&dataset, &report, final: true)
    }
}
