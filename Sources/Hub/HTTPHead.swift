/// The status and the fields of an answer.
struct HTTPHead: Sendable, Hashable {
    var status: Int
    private var fields: [String: String] = [:]

    /// The value of a field, by its name in lower case.
    subscript(name: String) -> String? { fields[name] }

    /// Reads a head as it was sent, without the empty line at its end.
    /// - Returns: nil if it is none.
    init?(_ bytes: some Collection<UInt8>) {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...], as: UTF8.self)
        }
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3, let status = Int(words[1]) else { return nil }
        self.status = status
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            fields[line[..<colon].lowercased()] = String(value)
        }
    }

    /// Where an answer with a part of a file begins (`Content-Range: bytes 100-199/200`).
    var firstByte: Int? {
        guard let range = self["content-range"], range.hasPrefix("bytes ") else { return nil }
        return Int(range.dropFirst(6).prefix { $0 != "-" })
    }
}
