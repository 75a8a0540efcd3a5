package import Datasets
package import JSON
package import Tokenization

/// An example as its text, cut where training begins and ends: what people look at to see whether
/// the right words are trained.
package struct MarkedExample: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        package var text: String
        package var isTrained: Bool
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
        (self.line, tokenCount, trainedTokenCount) = (line, example.ids.count, example.trainedTokenCount)
        (parts, leftOut) = ([], example.ids.count - ids.count)
        var shown = ""
        var start = 0
        while start < ids.count {
            let end = example.isTrained[start..<ids.count].firstIndex { $0 != example.isTrained[start] } ?? ids.count
            // A part's text is what it adds to the text before it: decoded alone it could lose a
            // space at its beginning.
            let whole = tokenizer.decode(Array(ids[..<end]), skipSpecialTokens: false)
            let text =
                whole.utf8.starts(with: shown.utf8)
                ? String(decoding: whole.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
                : tokenizer.decode(Array(ids[start..<end]), skipSpecialTokens: false)
            shown = whole
            parts.append(Part(text: text, isTrained: example.isTrained[start]))
            start = end
        }
    }

    package var json: JSONNode {
        [
            "line": JSONNode(line), "tokens": JSONNode(tokenCount), "trained_tokens": JSONNode(trainedTokenCount),
            "parts": JSONNode(parts.map { ["text": JSONNode($0.text), "trained": JSONNode($0.isTrained)] }),
            "tokens_left_out": JSONNode(leftOut),
        ]
    }
}
