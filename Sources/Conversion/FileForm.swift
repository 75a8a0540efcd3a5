import JSON

/// What a file holds, by its first bytes and its name.
enum FileForm: Hashable {
    case table
    /// One JSON value.
    case document
    /// A JSON value a line.
    case lines

    /// - Throws: ``ConversionProblem`` that names the form and how to leave it.
    static func of(_ bytes: [UInt8], file: String) throws(ConversionProblem) -> FileForm {
        if bytes.isEmpty { throw ConversionProblem(file: file, "is empty") }
        if let standIn = FileStandIn.description(of: bytes) { throw ConversionProblem(file: file, standIn) }
        for (signature, advice) in unreadable where bytes.starts(with: signature) { throw ConversionProblem(file: file, advice(file)) }
        if let place = TextPlace.ofInvalidUTF8(bytes) {
            throw ConversionProblem(
                file: file, line: place.line, column: place.column,
                "is not UTF-8 text here: convert the file, for example with iconv -f WINDOWS-1252 -t UTF-8 \(file) >utf8-\(name(file))")
        }
        let lower = name(file).lowercased()
        let isTable = [".csv", ".tsv", ".tab"].contains { lower.hasSuffix($0) }
        guard !isTable, let first = bytes.drop(while: { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }).first else {
            return .table
        }
        if first == UInt8(ascii: "[") { return .document }
        guard first == UInt8(ascii: "{") else { return .table }
        let line = bytes.drop { $0 != UInt8(ascii: "{") }.prefix { $0 != UInt8(ascii: "\n") }
        let isOne = bytes[line.endIndex...].allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return isOne || (try? JSONParser().parse(Array(line))) == nil ? .document : .lines
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    private static let sheet: @Sendable (String) -> String = { file in
        "is a spreadsheet, which is not read: save it as CSV in UTF-8, or run libreoffice --headless --convert-to "
            + "'csv:Text - txt - csv (StarCalc):44,34,76' \(file)"
    }

    private static let unreadable: [([UInt8], @Sendable (String) -> String)] = [
        (
            Array("PAR1".utf8),
            { file in
                "is Parquet, which is not read: write it as JSON Lines, for example with duckdb -c \"COPY (FROM '\(file)') TO "
                    + "'data.jsonl' (FORMAT json)\", or python3 -c \"import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json"
                    + "('data.jsonl', orient='records', lines=True, force_ascii=False)\" \(file)"
            }
        ), ([0x50, 0x4B, 0x03, 0x04], sheet), ([0xD0, 0xCF, 0x11, 0xE0], sheet),
        ([0x1F, 0x8B], { file in "is gzip data: unpack it with gzip -dk \(file)" }),
        (
            Array("SQLite format 3".utf8),
            { file in "is a SQLite database: write the table that you need with sqlite3 -csv -header \(file) 'SELECT ...'" }
        ),
        (Array("ARROW1".utf8), { _ in "is an Arrow file, which is not read: write it as JSON Lines" }),
        (Array("%PDF".utf8), { _ in "is a PDF document, not a table of questions and answers" }),
        ([0xFF, 0xFE], { file in "is UTF-16 text: convert it with iconv -f UTF-16 -t UTF-8 \(file) >utf8.csv" }),
        ([0xFE, 0xFF], { file in "is UTF-16 text: convert it with iconv -f UTF-16 -t UTF-8 \(file) >utf8.csv" }),
    ]
}
