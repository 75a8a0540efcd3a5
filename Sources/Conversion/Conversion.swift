import JSON
import Storage

/// A file of what people have, made into chat lines.
package struct Conversion {
    /// What the file was taken for, in words.
    package let form: String
    /// Of tables: which column was taken for what.
    package let columns: [(part: String, column: String)]
    package let result: ConversionCollector

    /// The most that a file may have: it is read as a whole.
    private static let limit = 2 << 30

    /// Reads a file and converts all of it.
    /// - Parameter name: what messages call it.
    /// - Throws: ``ConversionProblem`` if nothing of it can be converted, ``StorageError``.
    package init(path: String, name: String, _ options: ConversionOptions) throws {
        try self.init(DurableFiles.read(path, limit: Self.limit), name: name, options)
    }

    init(_ bytes: [UInt8], name: String, _ options: ConversionOptions) throws(ConversionProblem) {
        var collector = ConversionCollector(file: name)
        switch try FileForm.of(bytes, file: name) {
        case .table:
            var table = try TableConversion(bytes, file: name, options)
            table.run(&collector)
            form = "a table"
            columns = table.columns.description(table.names)
        case .document:
            form = "a JSON document"
            columns = []
            try RecordConversion(file: name, options: options).convert(document: bytes, &collector)
        case .lines:
            form = "JSON Lines"
            columns = []
            RecordConversion(file: name, options: options).convert(lines: bytes, &collector)
        }
        result = collector
        guard collector.exampleCount > 0 || collector.problemCount > 0 else {
            throw ConversionProblem(file: name, "holds no question with an answer")
        }
    }
}
