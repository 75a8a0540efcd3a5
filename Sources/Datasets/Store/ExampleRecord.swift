import Tokenization

/// Where an example lies and what is known of it: 48 bytes in `examples.bin`.
///
/// In `tokens.bin` an example is its tokens, run by run. In front of them stand, where there are
/// several runs, the length of each, and then the numbers of its classes; behind them, where tokens
/// do not count alike, what each counts in float32.
struct ExampleRecord: Sendable, Hashable, BitwiseCopyable {
    /// Place in `tokens.bin` of the first number that is the example's.
    var start: UInt64
    /// The physical line that it came from.
    var line: UInt64
    var hash: UInt64
    /// Tokens of all runs.
    var tokenCount: UInt32
    /// Tokens that the loss counts.
    var trainedCount: UInt32
    /// What the example counts beside others.
    var weight: Float = 1
    var runCount: UInt16 = 1
    /// How many classes it belongs to; ``noLabels`` where nothing is said of classes.
    var labelCount: UInt16 = Self.noLabels
    /// Weights that stand behind each token: 1 or 0, in eight bytes so that records have no gap.
    var tokenWeights: UInt64 = 0

    static let noLabels = UInt16.max

    /// Numbers in front of the tokens.
    var headCount: Int { (runCount == 1 ? 0 : Int(runCount)) + (labelCount == Self.noLabels ? 0 : Int(labelCount)) }
    var hasWeights: Bool { tokenWeights != 0 }
    /// All numbers of the example in `tokens.bin`.
    var wordCount: Int { headCount + Int(tokenCount) * (hasWeights ? 2 : 1) }

    var size: SampleSize { SampleSize(tokenCount: Int(tokenCount), trainedTokenCount: Int(trainedCount), runCount: Int(runCount)) }
}

extension ExampleRecord {
    /// Puts what is a sample's in `tokens.bin` behind `words`.
    init(_ sample: Sample, line: Int, appendingTo words: inout [UInt32]) {
        let first = words.count
        if sample.runs.count != 1 { words += sample.runs.map { UInt32(clamping: $0.ids.count) } }
        words += (sample.labels ?? []).map { UInt32(clamping: $0) }
        for run in sample.runs { words += zip(run.ids, run.isTrained).map { PackedToken.pack($0, isTrained: $1) } }
        let hasWeights = sample.hasTokenWeights
        if hasWeights {
            for run in sample.runs { words += (run.weights ?? run.ids.map { _ in 1 }).map(\.bitPattern) }
        }
        self.init(
            start: UInt64(first), line: UInt64(clamping: line), hash: PackedToken.hash(words[first...]),
            tokenCount: UInt32(clamping: sample.size.tokenCount), trainedCount: UInt32(clamping: sample.size.trainedTokenCount),
            weight: sample.weight, runCount: UInt16(clamping: sample.runs.count),
            labelCount: sample.labels.map { UInt16(clamping: $0.count) } ?? Self.noLabels, tokenWeights: hasWeights ? 1 : 0)
    }
}

/// What `examples.bin` begins with: 16 bytes that say which version of it this is.
enum ExampleFile {
    /// `TALAEX`, the version as two digits, and the bytes of a record.
    static let header: [UInt8] =
        Array("TALAEX03".utf8) + withUnsafeBytes(of: UInt64(MemoryLayout<ExampleRecord>.stride).littleEndian) { Array($0) }
}
