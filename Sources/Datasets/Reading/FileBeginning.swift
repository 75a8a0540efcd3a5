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

    static func kind(of bytes: [UInt8]) -> Kind {
        for (signature, kind) in signatures where bytes.starts(with: signature) { return kind }
        // UTF-16 without a mark: every other byte of ASCII text is zero.
        if bytes.count >= 4, (bytes[0] == 0) != (bytes[1] == 0), (bytes[2] == 0) != (bytes[3] == 0), (bytes[0] == 0) == (bytes[2] == 0) {
            return .utf16
        }
        return .text
    }
}
