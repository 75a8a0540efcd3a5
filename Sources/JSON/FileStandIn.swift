/// What often lies in a file's place: a pointer of git-lfs where large files were not fetched, a
/// web page that answered a download.
package enum FileStandIn {
    /// The end of a sentence about a file with these bytes, or nil if they are neither.
    package static func description(of bytes: some Collection<UInt8>) -> String? {
        let beginning = String(decoding: bytes.prefix(1024), as: UTF8.self)
        if beginning.hasPrefix("version https://git-lfs.github.com/spec/") {
            let lines = beginning.split(separator: "\n")
            let size = lines.first { $0.hasPrefix("size ") }.flatMap { Int($0.dropFirst(5)) }
            return "is a pointer of git-lfs, not the file: run git lfs pull"
                + (size.map { " (its size would be \($0) bytes)" } ?? "")
        }
        let text = beginning.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        let lowercased = text.prefix(64).lowercased()
        guard ["<!doctype", "<html", "<head", "<?xml"].contains(where: lowercased.hasPrefix) else { return nil }
        let shown = text.prefix { !$0.isNewline }.prefix(32)
        return "begins with `\(shown)`: it is a web page, not the file; download it again"
    }

    /// The first words of a file that is text where it should not be; nil if it does not begin with
    /// any.
    package static func words(of bytes: some Collection<UInt8>) -> String? {
        let line = bytes.prefix(32).prefix { $0 != 0x0A && $0 != 0x0D }
        guard line.count >= 8, line.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        return String(decoding: line, as: UTF8.self)
    }
}
