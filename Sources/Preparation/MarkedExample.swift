package import Datasets
package import JSON
package import Tokenization

/// An example as its text, cut where training begins and ends: what people look at to see whether
/// the right words are trained.
package struct MarkedExample: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        package var text: String
        package var isTrained: Bool
        /// What the loss of its tokens counts.
        package var weight: Float
    }
    /// Of the data file, from 1 on.
    package var line: Int
    package var tokenCount: Int
    package var trainedTokenCount: Int
    package var parts: [Part]
    /// Tokens whose text is not among the parts.
    package var leftOut: Int

    /// The conversations of an example: one, or as many as it compares.
    /// - Parameter limit: tokens that are shown of each at most.
    package static func all(of data: Dataset, _ index: Int, _ tokenizer: Tokenizer, limit: Int = .max) -> [MarkedExample] {
        data.sample(index).runs.map { MarkedExample($0, line: data.line(of: index), tokenizer, limit: limit) }
    }

    private init(_ example: TokenizedExample, line: Int, _ tokenizer: Tokenizer, limit: Int) {
        let ids = example.ids.prefix(limit)
        func mark(_ index: Int) -> (Bool, Float) { (example.isTrained[index], example.weights?[index] ?? 1) }
        (self.line, tokenCount, trainedTokenCount) = (line, example.ids.count, example.trainedTokenCount)
        (parts, leftOut) = ([], example.ids.count - ids.count)
        var shown = ""
        var start = 0
        while start < ids.count {
            let end = (start..<ids.count).first { mark($0) != mark(start) } ?? ids.count
            // A part's text is what it adds to the text before it: decoded alone it could lose a
            // space at its beginning.
            let whole = tokenizer.decode(Array(ids[..<end]), skipSpecialTokens: false)
            let text =
                whole.utf8.starts(with: shown.utf8)
                ? String(decoding: whole.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
                : tokenizer.decode(Array(ids[start..<end]), skipSpecialTokens: false)
            shown = whole
            parts.append(Part(text: text, isTrained: mark(start).0, weight: mark(start).1))
            start = end
        }
    }

    package var json: JSONNode {
        [
            "line": JSONNode(line), "tokens": JSONNode(tokenCount), "trained_tokens": JSONNode(trainedTokenCount),
            "parts": JSONNode(
                parts.map { part in
                    let members = [JSONMember("text", JSONNode(part.text)), JSONMember("trained", JSONNode(part.isTrained))]
                    // Said where it is not what everything counts.
                    let isWeighted = part.isTrained && part.weight != 1
                    return JSONNode(members + (isWeighted ? [JSONMember("weight", JSONNode(Double(part.weight)))] : []))
                }),
            "tokens_left_out": JSONNode(leftOut),
        ]
    }
}
