/// The rows of a table in text (RFC 4180): fields between separators, in quotation marks where they
/// hold separators or line ends, quotation marks in them doubled.
struct TableReader {
    struct Field: Hashable {
        var text: String
        var line: Int
        var column: Int
    }

    private let bytes: [UInt8]
    private let file: String
    let separator: UInt8
    private var position: Int
    private var line = 1
    /// Where the current line begins.
    private var lineStart: Int

    private static let quote = UInt8(ascii: "\"")
    private static let lineEnd = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// - Parameters:
    ///   - bytes: text in UTF-8.
    ///   - separator: nil takes the one that the first line has most often.
    init(_ bytes: [UInt8], file: String, separator: UInt8?) {
        self.bytes = bytes
        self.file = file
        position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        lineStart = position
        self.separator = separator ?? Self.separator(of: bytes, file: file)
    }

    private static func separator(of bytes: [UInt8], file: String) -> UInt8 {
        let name = file.lowercased()
        if name.hasSuffix(".tsv") || name.hasSuffix(".tab") { return UInt8(ascii: "\t") }
        var counts: [UInt8: Int] = [:]
        var isQuoted = false
        for byte in bytes {
            if byte == quote { isQuoted.toggle() }
            if isQuoted { continue }
            if byte == lineEnd { break }
            counts[byte, default: 0] += 1
        }
        let candidates = Array(",;\t|".utf8)
        // Of those that are equally frequent the first is the commonest.
        return candidates.max { (counts[$0] ?? 0, $1) < (counts[$1] ?? 0, $0) } ?? UInt8(ascii: ",")
    }

    /// The next row; nil at the end. Rows without any text are passed over.
    /// - Throws: ``ConversionProblem``; the reader then stands at the end of the faulty row.
    mutating func next() throws(ConversionProblem) -> [Field]? {
        while position < bytes.count {
            let row = try row()
            if row.contains(where: { !$0.text.allSatisfy(\.isWhitespace) }) { return row }
        }
        return nil
    }

    private mutating func row() throws(ConversionProblem) -> [Field] {
        var fields: [Field] = []
        while true {
            fields.append(try field())
            guard position < bytes.count else { return fields }
            let byte = bytes[position]
            position += 1
            if byte == separator {
                // A separator at the end of the file stands before an empty field.
                if position == bytes.count { fields.append(Field(text: "", line: line, column: column(position))) }
                if position < bytes.count { continue }
                return fields
            }
            newLine()
            return fields
        }
    }

    private mutating func field() throws(ConversionProblem) -> Field {
        let (line, column) = (line, column(position))
        guard position < bytes.count, bytes[position] == Self.quote else {
            let start = position
            while position < bytes.count, bytes[position] != separator, bytes[position] != Self.lineEnd { position += 1 }
            var end = position
            if end > start, bytes[end - 1] == Self.carriageReturn { end -= 1 }
            return Field(text: String(decoding: bytes[start..<end], as: UTF8.self), line: line, column: column)
        }
        var text: [UInt8] = []
        position += 1
        while true {
            guard position < bytes.count else {
                throw ConversionProblem(file: file, line: line, column: column, "the quotation mark that begins here is never closed")
            }
            let byte = bytes[position]
            position += 1
            if byte == Self.quote {
                guard position < bytes.count, bytes[position] == Self.quote else { break }
                position += 1
            }
            text.append(byte)
            if byte == Self.lineEnd { newLine() }
        }
        if position < bytes.count, bytes[position] == Self.carriageReturn { position += 1 }
        guard position == bytes.count || bytes[position] == separator || bytes[position] == Self.lineEnd else {
            let problem = ConversionProblem(
                file: file, line: self.line, column: self.column(position),
                "text stands behind a closing quotation mark: inside of a field quotation marks are doubled (\"\")")
            while position < bytes.count, bytes[position] != Self.lineEnd { position += 1 }
            position = min(bytes.count, position + 1)
            newLine()
            throw problem
        }
        return Field(text: String(decoding: text, as: UTF8.self), line: line, column: column)
    }

    private mutating func newLine() {
        line += 1
        lineStart = position
    }

    private func column(_ position: Int) -> Int { String(decoding: bytes[lineStart..<position], as: UTF8.self).count + 1 }
}
