import Datasets
import Tokenization

/// The tokens with which trained answers end, found in the data itself.
enum TurnEnds {
    /// Examples that are looked at, spread over the data.
    private static let sampleCount = 4096

    /// Ids of added tokens that close at least a hundredth of the trained parts; white space behind
    /// them does not count. In ascending order.
    static func ids(in data: Dataset, tokenizer: Tokenizer) -> [Int32] {
        var counts: [Int32: Int] = [:]
        var parts = 0
        for index in stride(from: 0, to: data.count, by: max(1, data.count / sampleCount)) {
            let example = data.example(index)
            for end in 1..<(example.ids.count + 1)
            where example.isTrained[end - 1] && (end == example.ids.count || !example.isTrained[end]) {
                parts += 1
                if let id = closing(example.ids[..<end], tokenizer) { counts[id, default: 0] += 1 }
            }
        }
        return counts.filter { $0.value * 100 >= parts }.keys.sorted()
    }

    private static func closing(_ ids: ArraySlice<Int32>, _ tokenizer: Tokenizer) -> Int32? {
        for id in ids.suffix(3).reversed() {
            if tokenizer.isAdded(id) { return id }
            if !tokenizer.decode([id], skipSpecialTokens: false).allSatisfy(\.isWhitespace) { return nil }
        }
        return nil
    }
}
