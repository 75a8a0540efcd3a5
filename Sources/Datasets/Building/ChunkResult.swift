/// An example as it is kept in memory: token ids, each with a mark on whether it is trained.
enum PackedToken {
    private static let mark: UInt32 = 1 << 31

    static func pack(_ id: Int32, isTrained: Bool) -> UInt32 { UInt32(bitPattern: id) & ~mark | (isTrained ? mark : 0) }
    static func id(_ packed: UInt32) -> Int32 { Int32(bitPattern: packed & ~mark) }
    static func isTrained(_ packed: UInt32) -> Bool { packed & mark != 0 }

    /// A hash of an example's tokens, by which equal ones are found: multiply and mix, as in
    /// wyhash's finish.
    static func hash(_ tokens: some Sequence<UInt32>) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for token in tokens {
            let product = (hash ^ UInt64(token)).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
            hash = product.high ^ product.low &+ 0xE703_7ED1_A0B4_28DB
        }
        return hash
    }
}

/// What one chunk of a file gave.
struct ChunkResult: Sendable {
    /// A document of plain text, or a piece of one.
    struct Document: Sendable {
        var line: Int
        var range: Range<Int>
    }
    var tokens: [UInt32] = []
    /// `start` counts within this chunk.
    var examples: [ExampleRecord] = []
    var documents: [Document] = []
    var problems: [DatasetProblem] = []
    var warnings: [DatasetProblem] = []
    /// Lengths of all examples before anything is cut, with their lines.
    var longest = 0
    var longestLine = 0
    var excessCount = 0
    var nearEmptyCount = 0
    /// Records that are well-formed, also those that are not examples (preference pairs) or too
    /// long.
    var recordCount = 0
}
