import JSON

/// What the first bytes of a file say that it is.
enum FileBeginning {
    enum Kind: Hashable {
        case text, gzip, utf16, utf32
        /// Another known format, by name.
        case other(String)

        /// Why such a file cannot be read, or nil if it can.
        func fault(name: String) -> (found: String, expected: String, message: String)? {
            let expected = "UTF-8 text"
            switch self {
            case .text: return nil
            case .gzip:
                return (
                    "gzip data", expected, "is gzip data, not text, under a name that does not end in .gz: name it \(name).gz, or unpack it"
                )
            case .utf16: return ("UTF-16 text", expected, "is UTF-16 text: save it as UTF-8")
            case .utf32: return ("UTF-32 text", expected, "is UTF-32 text: save it as UTF-8")
            case .other(let format): return (format, expected, "is \(format), not text: write it as JSON Lines")
            }
        }
    }

    private static let signatures: [([UInt8], Kind)] = [
        ([0x1F, 0x8B], .gzip), ([0xFF, 0xFE, 0x00, 0x00], .utf32), ([0x00, 0x00, 0xFE, 0xFF], .utf32), ([0xFF, 0xFE], .utf16),
        ([0xFE, 0xFF], .utf16), ([0x28, 0xB5, 0x2F, 0xFD], .other("zstd data")), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .other("xz data")),
        ([0x42, 0x5A, 0x68, 0x31], .other("bzip2 data")), ([0x42, 0x5A, 0x68, 0x39], .other("bzip2 data")),
        ([0x50, 0x4B, 0x03, 0x04], .other("a zip archive")), ([0x50, 0x41, 0x52, 0x31], .other("a Parquet file")),
        ([0x41, 0x52, 0x52, 0x4F, 0x57, 0x31], .other("an Arrow file")),
    ]

    /// Why text that begins neither with an object nor with a list cannot be JSON Lines, where that
    /// is known.
    /// - Parameter name: the file's, without `.gz`.
    static func fault(of bytes: [UInt8], name: String) -> (found: String, message: String)? {
        if let standIn = FileStandIn.description(of: bytes) { return ("another file in its place", standIn) }
        let lines = bytes.prefix(1 << 16).split(separator: UInt8(ascii: "\n")).prefix(2)
        for (separator, format) in [(UInt8(ascii: ","), "CSV"), (UInt8(ascii: "\t"), "TSV")] {
            let isNamed = name.lowercased().hasSuffix("." + format.lowercased())
            let isTable = lines.count == 2 && lines.allSatisfy { $0.contains(separator) && !$0.contains(UInt8(ascii: "{")) }
            guard isTable || isNamed else { continue }
            return (
                "a \(format) file",
                "is \(format), not text in JSON: write it as JSON Lines, one object a line (tala data convert FILE OUT.jsonl makes chat lines "
                    + "of questions and answers), with the keys of one of the formats: " + UnknownFormat.formats
            )
        }
        return nil
    }

    static func kind(of bytes: [UInt8]) -> Kind {
        for (signature, kind) in signatures where bytes.starts(with: signature) { return kind }
        // UTF-16 without a mark: every other byte of ASCII text is zero.
        if bytes.count >= 4, (bytes[0] == 0) != (bytes[1] == 0), (bytes[2] == 0) != (bytes[3] == 0), (bytes[0] == 0) == (bytes[2] == 0) {
            return .utf16
        }
        return .text
    }
}
