/// A place in a text as editors count it: lines and characters from 1 on.
struct TextPlace: Hashable {
    var line: Int
    var column: Int

    /// The place of a byte.
    static func of(_ offset: Int, in bytes: [UInt8]) -> TextPlace {
        let before = bytes[..<min(max(0, offset), bytes.count)]
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return TextPlace(
            line: before.count { $0 == UInt8(ascii: "\n") } + 1, column: String(decoding: before[start...], as: UTF8.self).count + 1)
    }

    /// The first byte that is not part of a character in UTF-8; nil where all are.
    static func ofInvalidUTF8(_ bytes: [UInt8]) -> TextPlace? {
        var index = 0
        while index < bytes.count {
            let length = length(bytes, index)
            if length == 0 { return of(index, in: bytes) }
            index += length
        }
        return nil
    }

    /// Bytes of the character that begins at a place; 0 where none does (Unicode Standard, table
    /// 3-7).
    private static func length(_ bytes: [UInt8], _ index: Int) -> Int {
        let first = bytes[index]
        func follows(_ distance: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + distance < bytes.count && range.contains(bytes[index + distance])
        }
        switch first {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: return follows(1) ? 2 : 0
        case 0xE0...0xEF:
            let second: ClosedRange<UInt8> = first == 0xE0 ? 0xA0...0xBF : first == 0xED ? 0x80...0x9F : 0x80...0xBF
            return follows(1, second) && follows(2) ? 3 : 0
        case 0xF0...0xF4:
            let second: ClosedRange<UInt8> = first == 0xF0 ? 0x90...0xBF : first == 0xF4 ? 0x80...0x8F : 0x80...0xBF
            return follows(1, second) && follows(2) && follows(3) ? 4 : 0
        default: return 0
        }
    }
}
