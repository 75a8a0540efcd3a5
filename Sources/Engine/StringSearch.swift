/// Looks for one string in bytes as they come (Knuth, Morris and Pratt 1977, doi:10.1137/0206024):
/// a byte costs the same however string and text repeat themselves.
struct StringSearch: Sendable {
    let pattern: [UInt8]
    /// For each length of a beginning that was found, the length of the longest shorter one that it
    /// ends with.
    private let shorter: [Int32]
    /// How many of the last bytes are the beginning of the string.
    private(set) var length = 0

    /// - Parameter pattern: what is looked for; not empty.
    init(_ pattern: [UInt8]) {
        self.pattern = pattern
        var shorter = [Int32](repeating: 0, count: pattern.count + 1)
        var known = 0
        for index in pattern.indices.dropFirst() {
            while known > 0, pattern[index] != pattern[known] { known = Int(shorter[known]) }
            if pattern[index] == pattern[known] { known += 1 }
            shorter[index + 1] = Int32(truncatingIfNeeded: known)
        }
        self.shorter = shorter
    }

    /// - Returns: whether the string ends with this byte.
    mutating func append(_ byte: UInt8) -> Bool {
        while length > 0, pattern[length] != byte { length = Int(shorter[length]) }
        if pattern[length] == byte { length += 1 }
        guard length == pattern.count else { return false }
        length = Int(shorter[length])
        return true
    }
}
