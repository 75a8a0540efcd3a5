import Basics
import JSON

/// A first look at a labelled file: which labels there are, and how often. What is wrong with a
/// record is not said here; the reading that follows says it.
struct LabelScan {
    struct Found: Sendable {
        var count = 0
        var firstLine: Int
    }
    private(set) var found: [String: Found] = [:]
    /// Of the first label: whether it is a number, and its line.
    private(set) var first: (isNumber: Bool, line: Int)?

    /// What one chunk gave.
    private struct Part: Sendable {
        var found: [String: Found] = [:]
        var isNumber: Bool?
        var line = 0
    }

    /// Reads all chunks of a source. A fault of the file ends the look.
    init(_ source: any ChunkSource, isMultiLabel: Bool) {
        while true {
            var chunks: [DataChunk] = []
            while chunks.count < 4 * ParallelWork.processorCount, let chunk = try? source.next() { chunks.append(chunk) }
            if chunks.isEmpty { return }
            let batch = chunks
            let parts = (try? ParallelWork.map(batch.count) { Self.part(batch[$0], isMultiLabel) }) ?? []
            for part in parts { add(part) }
        }
    }

    private mutating func add(_ part: Part) {
        if first == nil, let isNumber = part.isNumber { first = (isNumber, part.line) }
        for (name, other) in part.found {
            var known = found[name] ?? Found(firstLine: other.firstLine)
            known.count += other.count
            found[name] = known
        }
    }

    private static func part(_ chunk: DataChunk, _ isMultiLabel: Bool) -> Part {
        var part = Part()
        chunk.bytes.withBytes { bytes in
            if let places = chunk.places {
                for place in places { look(UnsafeBufferPointer(rebasing: bytes[place.range]), place.line, isMultiLabel, &part) }
                return
            }
            var (start, line) = (0, chunk.firstLine)
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: Bytes.lineEnd) ?? bytes.count
                if !Bytes.isBlank(bytes[start..<end]) { look(UnsafeBufferPointer(rebasing: bytes[start..<end]), line, isMultiLabel, &part) }
                (start, line) = (end + 1, line + 1)
            }
        }
        return part
    }

    private static func look(_ bytes: UnsafeBufferPointer<UInt8>, _ line: Int, _ isMultiLabel: Bool, _ part: inout Part) {
        var findings = RecordFindings(file: "", line: line, index: nil, bytes: bytes)
        guard let record = try? JSONParser().parse(bytes), record.object != nil,
            let labels = RecordLabels(record, isMultiLabel: isMultiLabel, &findings)
        else { return }
        for label in labels.all {
            if part.isNumber == nil { (part.isNumber, part.line) = (label.isNumber, line) }
            var known = part.found[label.name] ?? Found(firstLine: line)
            known.count += 1
            part.found[label.name] = known
        }
    }

    /// The labels in the order of class numbers: numbers by size, names by their characters' code
    /// points.
    var ordered: [String] {
        let numbers = found.keys.map { (Int($0), $0) }
        if numbers.allSatisfy({ $0.0 != nil }), first?.isNumber == true {
            return numbers.sorted { ($0.0 ?? 0) < ($1.0 ?? 0) }.map(\.1)
        }
        return found.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The classes of the file.
    /// - Throws: ``DatasetProblem`` where there are too few or too many.
    func table(_ options: LabelOptions, file: String) throws(DatasetProblem) -> LabelTable? {
        guard let first else { return nil }
        let ordered = ordered
        if options.isTraining, ordered.count == 1 {
            throw DatasetProblem(
                kind: "one_class", file: file, line: first.line, field: "label", found: "the label \(ordered[0].prefix(40)) alone",
                expected: "examples of two classes at least",
                "is \(ordered[0].prefix(40)), as in every other line: there is nothing to tell apart; give examples of two classes at least"
            )
        }
        if options.names.isEmpty, ordered.count > LabelOptions.limit {
            throw DatasetProblem(
                kind: "invalid_value", file: file, line: first.line, field: "label", found: "\(ordered.count) different labels",
                expected: "at most \(LabelOptions.limit) classes",
                "is one of \(ordered.count) different labels; \(LabelOptions.limit) classes are allowed: labels are classes, not texts")
        }
        var names = options.names
        if names.isEmpty {
            let knows = Set(options.preferred)
            let fits = first.isNumber ? ordered.allSatisfy { Int($0).map(options.preferred.indices.contains) == true } : true
            names = !knows.isEmpty && fits && (first.isNumber || ordered.allSatisfy(knows.contains)) ? options.preferred : ordered
        }
        return LabelTable(
            names: names, areNumbers: options.areNumbers ?? first.isNumber, line: options.areNumbers == nil ? first.line : 0)
    }
}
