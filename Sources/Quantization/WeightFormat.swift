/// How a frozen weight of few bits lies in memory, where products read it.
package enum WeightFormat: Sendable, Hashable {
    /// Quantised here, in one run of words: ``QuantizedLayout``.
    case words(QuantizedFormat)
    /// Rows of blocks, as they lie in a GGUF file.
    case blocks(BlockFormat)

    package static let all: [WeightFormat] = QuantizedFormat.allCases.map { .words($0) } + BlockFormat.allCases.map { .blocks($0) }

    package var name: String {
        switch self {
        case .words(let format): format.rawValue
        case .blocks(let format): format.rawValue
        }
    }
}
