/// Takes `multipart/form-data` apart as its bytes come: one file, which is given on piece by piece,
/// and small fields.
package struct MultipartReader: Sendable {
    private enum Place: Sendable {
        case preamble, headers, field(String), file, epilogue
    }
    /// Fields by name.
    package private(set) var fields: [String: String] = [:]
    /// The name that the file had at its sender's: for display, never for a path.
    package private(set) var filename: String?
    private let delimiter: [UInt8]
    /// The name of the part that is the file.
    private let fileField: String
    private var buffer: [UInt8]
    private var place = Place.preamble
    private var parts = 0

    private static let headerLimit = 8 << 10
    private static let fieldLimit = 64 << 10
    private static let partLimit = 32

    /// The boundary that a content type names; nil if it names none that may be one.
    package static func boundary(_ contentType: String) -> String? {
        guard contentType.lowercased().hasPrefix("multipart/form-data") else { return nil }
        for parameter in contentType.split(separator: ";").dropFirst() {
            let words = parameter.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
            guard words.count == 2, words[0].lowercased() == "boundary" else { continue }
            let value =
                words[1].hasPrefix("\"") ? String(words[1].dropFirst().prefix { $0 != "\"" }) : String(words[1].prefix { $0 != " " })
            return (1...70).contains(value.utf8.count) ? value : nil
        }
        return nil
    }

    package init(boundary: String, fileField: String = "file") {
        self.fileField = fileField
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter has no line before it.
        buffer = [13, 10]
    }

    private static func fault(_ message: String) -> APIError {
        APIError(400, message, parameter: "file", code: "invalid_multipart")
    }

    /// Takes bytes that came.
    /// - Returns: pieces of the file.
    /// - Throws: ``APIError`` for what is no such form, or has too many or too large parts.
    package mutating func append(_ bytes: [UInt8]) throws(APIError) -> [[UInt8]] {
        buffer += bytes
        var pieces: [[UInt8]] = []
        while true {
            switch place {
            case .epilogue:
                buffer = []
                return pieces
            case .preamble, .field, .file:
                guard let found = Self.first(delimiter, in: buffer) else {
                    try keepTail(&pieces)
                    return pieces
                }
                // What follows a delimiter decides: another part, or the end.
                guard buffer.count >= found + delimiter.count + 2 else { return pieces }
                let content = Array(buffer[..<found])
                let next = Array(buffer[(found + delimiter.count)..<(found + delimiter.count + 2)])
                try end(content, &pieces)
                buffer.removeFirst(found + delimiter.count + 2)
                if next == [45, 45] {
                    place = .epilogue
                } else if next == [13, 10] {
                    place = .headers
                } else {
                    throw Self.fault("The form's parts are not separated as its boundary says.")
                }
            case .headers:
                guard let end = Self.first([13, 10, 13, 10], in: buffer) else {
                    guard buffer.count <= Self.headerLimit else { throw Self.fault("A part's headers are too long.") }
                    return pieces
                }
                guard end <= Self.headerLimit else { throw Self.fault("A part's headers are too long.") }
                try begin(String(decoding: buffer[..<end], as: UTF8.self))
                // The blank line may be the one before the next delimiter.
                buffer.removeFirst(end + 2)
            }
        }
    }

    /// Gives on or drops what cannot be a part of a delimiter.
    private mutating func keepTail(_ pieces: inout [[UInt8]]) throws(APIError) {
        let free = max(0, buffer.count - delimiter.count - 2)
        switch place {
        case .file:
            if isAtStart, free >= 2 {
                pieces.append(Array(buffer[2..<free]))
                buffer.removeFirst(free)
                isAtStart = false
            } else if !isAtStart, free > 0 {
                pieces.append(Array(buffer[..<free]))
                buffer.removeFirst(free)
            }
        case .field: if buffer.count > Self.fieldLimit { throw Self.fault("A field is too long.") }
        default: if free > 0 { buffer.removeFirst(free) }
        }
    }

    /// Whether the blank line before a part's content is still in front of it.
    private var isAtStart = false

    private mutating func end(_ content: [UInt8], _ pieces: inout [[UInt8]]) throws(APIError) {
        let content = isAtStart ? Array(content.dropFirst(2)) : content
        switch place {
        case .file: if !content.isEmpty { pieces.append(content) }
        case .field(let name):
            guard content.count <= Self.fieldLimit else { throw Self.fault("A field is too long.") }
            guard fields[name] == nil else { throw Self.fault("A field is there twice.") }
            fields[name] = String(decoding: content, as: UTF8.self)
        default: break
        }
        isAtStart = false
    }

    private mutating func begin(_ headers: String) throws(APIError) {
        parts += 1
        guard parts <= Self.partLimit else { throw Self.fault("The form has too many parts.") }
        let lines = headers.split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.lowercased().hasPrefix("content-disposition:") }), let name = Self.value("name", line)
        else {
            throw Self.fault("A part has no name.")
        }
        isAtStart = true
        if name == fileField {
            guard filename == nil else { throw Self.fault("The form has more than one file.") }
            let given = Self.value("filename", line) ?? "file"
            filename = String(given.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? "file")
            place = .file
        } else {
            place = .field(name)
        }
    }

    private static func value(_ name: String, _ line: Substring) -> String? {
        for parameter in line.split(separator: ";").dropFirst() {
            let words = parameter.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
            guard words.count == 2, words[0].lowercased() == name else { continue }
            return String(words[1].filter { $0 != "\"" }.prefix(256))
        }
        return nil
    }

    /// - Throws: ``APIError`` if the form is cut off.
    package func finish() throws(APIError) {
        guard case .epilogue = place else { throw Self.fault("The form ends before its last boundary.") }
    }

    private static func first(_ part: [UInt8], in bytes: [UInt8]) -> Int? {
        guard let first = part.first, part.count <= bytes.count else { return nil }
        var index = 0
        while index <= bytes.count - part.count {
            guard let found = bytes[index...].firstIndex(of: first), found <= bytes.count - part.count else { return nil }
            if bytes[found..<found + part.count].elementsEqual(part) { return found }
            index = found + 1
        }
        return nil
    }
}
