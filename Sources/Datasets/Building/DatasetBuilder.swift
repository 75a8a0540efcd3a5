import Basics
import Glibc
import JSON
import Storage
import Tokenization

/// How far the reading of a file has come.
package struct DatasetProgress: Sendable, Hashable {
    package var file: String
    package var bytesDone: Int
    package var byteCount: Int
    package var exampleCount: Int
}

/// Reads a data file once, from its beginning to its end, checks and tokenises it on all cores, and
/// writes the examples into a folder.
struct DatasetBuilder {
    let encoder: ChatEncoder
    let options: DatasetOptions
    let path: String
    let name: String
    let progress: ((DatasetProgress) throws -> Void)?

    /// Text in work at a time, whatever the number of cores.
    private static let batchByteCount = 32 << 20
    /// Of each thread: a template is code that nests.
    private static let stackByteCount = 16 << 20

    /// - Returns: the report, and the digest of what was read.
    /// - Throws: ``StorageError`` where the folder cannot be written to or the process lacks memory
    ///   or descriptors, and what the progress function throws.
    func build(into folder: String) throws -> ValidationReport {
        var report = ValidationReport(file: name)
        report.maximumLength = options.maximumLength
        let writer = try ExampleWriter(folder: folder)
        var opened: DataFile?
        do throws(DatasetProblem) { opened = try DataFile(path: path, name: name) } catch {
            if let number = error.errorNumber {
                // What runs out for the moment says nothing of the file.
                let cause = StorageError(operation: "open", path: path, errorNumber: number)
                if cause.isTransient { throw cause }
            }
            report.add(error)
        }
        if let file = opened {
            report.byteCount = file.byteCount
            try read(file, &report, writer)
            do throws(DatasetProblem) { report.digest = try file.finish() } catch { report.add(error) }
        }
        try writer.finish()
        try summarise(folder, &report)
        return report
    }

    /// Reads all chunks; what cannot be read is put into the report.
    private func read(_ file: DataFile, _ report: inout ValidationReport, _ writer: ExampleWriter) throws {
        let text = InputText(file)
        let source: any ChunkSource
        let records: RecordEncoder
        do throws(DatasetProblem) {
            do throws(DatasetProblem) { try text.fill(to: ChunkSize.usual) } catch {
                if text.bytes.isEmpty { throw error } else { report.add(error) }
            }
            (source, records) = try self.source(text, &report)
        } catch {
            report.add(error)
            return
        }
        var cutter = RowCutter(rowLength: options.maximumLength)
        var failure: DatasetProblem?
        while failure == nil {
            var chunks: [DataChunk] = []
            var byteCount = 0
            do throws(DatasetProblem) {
                while chunks.count < 4 * ParallelWork.processorCount, byteCount < Self.batchByteCount, let chunk = try source.next() {
                    byteCount += chunk.bytes.count
                    chunks.append(chunk)
                }
            } catch { failure = error }
            if chunks.isEmpty { break }
            let batch = chunks
            // A template may take a second a line: whoever wants to stop the reading does not wait
            // for a whole batch.
            let done = DatasetProgress(file: name, bytesDone: file.bytesRead, byteCount: file.byteCount, exampleCount: report.exampleCount)
            func interrupt() throws {
                do { try progress?(done) } catch {
                    records.stop()
                    throw error
                }
            }
            let results = try ParallelWork.map(
                batch.count, stackByteCount: Self.stackByteCount, meanwhile: progress == nil ? nil : interrupt
            ) { records.encode(batch[$0]) }
            for result in results { try add(result, &report, writer, &cutter) }
            try progress?(
                DatasetProgress(file: name, bytesDone: file.bytesRead, byteCount: file.byteCount, exampleCount: report.exampleCount))
            if let reason = records.budget.reason {
                report.add(
                    DatasetProblem(
                        kind: "template_budget", file: name, found: reason, expected: "a template that ends soon",
                        "\(reason): it is given up, and the rest of the file is not looked at; use another template"))
                break
            }
        }
        if let failure { report.add(failure) }
        try cutter.rows(isLast: true) { row, line in try add(row, line, &report, writer) }
        report.lineCount = source.lineCount
        if options.purpose == .supervised, report.format?.isPreference == true, report.recordCount > 0 {
            report.add(
                DatasetProblem(
                    kind: "preference_training", file: name, found: "preference pairs",
                    expected: "conversations, or prompts with completions",
                    "holds preference pairs (\(report.recordCount) of them well-formed), which are for method.type dpo: set that, "
                        + "or give the preferred answers as conversations"))
        } else if report.exampleCount == 0, report.isValid {
            report.add(
                DatasetProblem(
                    kind: "empty_dataset", file: name, found: "no example", expected: "at least one example",
                    report.recordCount == 0 ? "holds no example" : "holds no example that fits max_length"))
        }
    }

    /// Looks at the beginning of the file and decides how to read it.
    private func source(
        _ text: InputText, _ report: inout ValidationReport
    ) throws(DatasetProblem) -> (any ChunkSource, RecordEncoder) {
        let first = text.bytes.first { !Bytes.isBlank(CollectionOfOne($0)) && $0 != Bytes.lineEnd }
        let base = name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
        let looksLikeJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        let isPlainText: Bool
        switch options.purpose {
        case .pretraining: isPlainText = DataFileName.isPlainText(name)
        case .supervised, .classification, .pairs, .judgedAnswers:
            isPlainText = false
            if base.hasSuffix(".txt"), !looksLikeJSON, first != nil {
                let needs =
                    switch options.purpose {
                    case .supervised, .pretraining: "supervised training needs conversations"
                    case .classification: "classification needs labelled texts"
                    case .pairs, .judgedAnswers: "dpo needs pairs of answers"
                    }
                throw DatasetProblem(
                    kind: "invalid_value", file: name, found: "plain text", expected: "JSON Lines",
                    "is plain text, which is for method.type pretrain; \(needs) as JSON Lines")
            }
        }
        if !isPlainText, !looksLikeJSON, let fault = FileBeginning.fault(of: text.bytes, name: base) {
            throw DatasetProblem(kind: "unreadable", file: name, line: 1, found: fault.found, expected: "JSON Lines", fault.message)
        }
        let source: any ChunkSource
        if isPlainText {
            source = DocumentSource(text)
        } else if first == UInt8(ascii: "[") {
            source = ArraySource(text)
        } else {
            source = LineSource(text)
        }
        let format = isPlainText ? .text : try format(text.bytes, isArray: first == UInt8(ascii: "["))
        report.format = format
        if [.chat, .shareGPT, .alpaca, .labelledChat].contains(format), encoder.templates.isEmpty {
            throw DatasetProblem(
                kind: "template", file: name, found: "no chat template", expected: "a chat template in the model's folder",
                "holds conversations, and the model's folder has no chat template: neither chat_template in tokenizer_config.json nor chat_template.jinja; "
                    + "choose an instruction-tuned model, or give prompt/completion lines with train_on: completion")
        }
        var records = RecordEncoder(encoder: encoder, options: options, format: format, file: name, isPlainText: isPlainText)
        if let labels = options.labels { records.labels = try self.labels(labels, isArray: first == UInt8(ascii: "["), &report) }
        return (source, records)
    }

    /// The format of the file: that of its first record that shows one.
    /// - Throws: ``DatasetProblem`` where records are there and none has the keys of a format.
    private func format(_ bytes: [UInt8], isArray: Bool) throws(DatasetProblem) -> DatasetFormat {
        if options.purpose == .pretraining { return .text }
        func detect(_ record: JSONNode) -> DatasetFormat? {
            if options.purpose == .classification {
                return record["messages"] != nil ? .labelledChat : record["text"] != nil ? .labelledText : nil
            }
            return DatasetFormat.detect(record)
        }
        var detected: DatasetFormat?
        var unknown: (record: JSONNode, line: Int)?
        if isArray {
            let record = FirstRecord.ofArray(bytes)
            detected = record.flatMap { detect($0) }
            if let record { unknown = (record, 1 + Bytes.count(of: Bytes.lineEnd, in: bytes.prefix { $0 != UInt8(ascii: "{") })) }
        } else {
            for (index, line) in bytes.split(separator: Bytes.lineEnd, omittingEmptySubsequences: false).prefix(1000).enumerated() {
                guard let record = try? JSONParser().parse(Array(line)), record.object != nil else { continue }
                detected = detect(record)
                if detected != nil { break }
                if unknown == nil { unknown = (record, index + 1) }
            }
        }
        if options.purpose == .classification { return detected ?? .labelledText }
        if detected == nil, let (record, line) = unknown {
            throw UnknownFormat.problem(record, file: name, line: line, isInArray: isArray)
        }
        switch options.purpose {
        case .pairs: return detected?.isPreference == true ? detected ?? .preference : .preference
        case .judgedAnswers: return detected == .completion ? .completion : .chat
        default: break
        }
        switch detected {
        // Plain text is for pretraining, and a prompt with its completion has no turns of an
        // assistant: as a chat each line says so.
        case nil, .text?: return .chat
        case .completion?: return options.trainOn == .assistant ? .chat : .completion
        case let format?: return format
        }
    }

    private func add(
        _ result: ChunkResult, _ report: inout ValidationReport, _ writer: ExampleWriter, _ cutter: inout RowCutter
    ) throws {
        for problem in result.problems { report.add(problem) }
        for warning in result.warnings { report.warn(warning) }
        if result.longest > report.longestExample { (report.longestExample, report.longestLine) = (result.longest, result.longestLine) }
        report.excessCount += result.excessCount
        report.nearEmptyCount += result.nearEmptyCount
        report.recordCount += result.recordCount
        if report.format == .text {
            for document in result.documents { cutter.append(result.tokens[document.range], line: document.line) }
            try cutter.rows(isLast: false) { row, line in try add(row, line, &report, writer) }
        } else {
            report.exampleCount += result.examples.count
            try writer.append(result.examples, tokens: result.tokens)
        }
    }

    private func add(_ row: ArraySlice<UInt32>, _ line: Int, _ report: inout ValidationReport, _ writer: ExampleWriter) throws {
        report.exampleCount += 1
        if row.count > report.longestExample { (report.longestExample, report.longestLine) = (row.count, line) }
        try writer.append(row: row, line: line)
    }

    /// What follows from all examples together.
    private func summarise(_ folder: String, _ report: inout ValidationReport) throws {
        guard report.exampleCount > 0 else { return }
        let data = Dataset(store: try ExampleStore(folder: folder))
        (report.tokenCount, report.trainedTokenCount) = (data.tokenCount, data.trainedTokenCount)
        report.lengths = data.lengths.json
        report.medianLength = data.lengths.quantile(0.5)
        report.isImbalanced = data.lengths.isImbalanced
        let repeated = Repetitions.within(data)
        report.duplicateCount = repeated.count
        report.duplicateLines = repeated.lines.map { [$0.line, $0.first] }
    }
}
