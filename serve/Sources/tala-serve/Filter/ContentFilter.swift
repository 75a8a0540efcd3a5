import Filtering
import Foundation
import JSON
import ServingAPI

/// What a deployment filters, ready to check texts.
struct ContentFilter: Sendable {
    let policy: FilterPolicy
    let lists: [BlockList]
    /// Nil where the deployment names no classifier.
    let classifier: EngineHost?

    /// Characters of a text that the classifier looks at together; a longer text is looked at in
    /// pieces, each with a part of the one before.
    private static let (pieceLength, overlap) = (1500, 200)
    /// Pieces of one question to the classifier.
    private static let pieceLimit = 64

    /// - Parameter isWhole: whether nothing more will come of the text.
    /// - Throws: ``APIError`` where the text cannot be checked and must not pass.
    func check(_ text: String, _ side: FilterPolicy.Side, isWhole: Bool) async throws -> FilteredAnswer.Checked {
        var results = FilterResults()
        var openEnd = 0
        if !policy.blockLists.isEmpty {
            var names: [String] = []
            for list in lists {
                let found = isWhole ? (list.match(in: text), 0) : list.match(inBeginning: text)
                if found.0 != nil { names.append(list.name) }
                openEnd = max(openEnd, found.1)
            }
            policy.judge(blockLists: names, into: &results)
        }
        guard let classifier, text.contains(where: { !$0.isWhitespace }) else { return .results(results, openEnd: openEnd) }
        var problem = "the classifier is not ready"
        if let link = await classifier.link {
            switch await Self.classify(text, link) {
            case .success(let (labels, probabilities)):
                policy.judge(labels, probabilities, side, into: &results)
                return .results(results, openEnd: openEnd)
            case .failure(let failure): problem = failure.message
            }
        }
        // What a list has found counts whatever the classifier does.
        if results.isFiltered { return .results(results, openEnd: openEnd) }
        guard policy.passesUnchecked else {
            throw APIError(503, "The content filter cannot check the text: \(problem).", code: "content_filter_error", retryAfter: 2)
        }
        return .unchecked(problem)
    }

    /// What there is to say of a text, whatever the policy would hold back.
    /// - Throws: ``APIError`` where the text cannot be judged.
    func moderate(_ text: String) async throws -> Moderation {
        var policy = policy
        policy.blocks = true
        var results = FilterResults()
        if !policy.blockLists.isEmpty {
            policy.judge(blockLists: lists.filter { $0.match(in: text) != nil }.map(\.name), into: &results)
        }
        var (labels, probabilities): ([String], [Double]) = ([], [])
        if let classifier {
            guard let link = await classifier.link else { throw Self.unjudged("the classifier is not ready") }
            let isBlank = text.allSatisfy(\.isWhitespace)
            // Of nothing the classifier says nothing; which classes it has is to be known all the
            // same.
            switch await Self.classify(isBlank ? "." : text, link) {
            case .success((let names, let numbers)):
                (labels, probabilities) = (names, isBlank ? names.map { _ in 0 } : numbers)
                policy.judge(labels, probabilities, .prompt, into: &results)
            case .failure(let failure): throw Self.unjudged(failure.message)
            }
        }
        return Moderation(results, labels, probabilities)
    }

    private static func unjudged(_ problem: String) -> APIError {
        APIError(503, "The text cannot be judged: \(problem).", code: "content_filter_error", retryAfter: 2)
    }

    private struct Problem: Error { var message: String }

    /// The classes of a text; of several pieces the likeliest of each counts.
    private static func classify(_ text: String, _ link: EngineLink) async -> Result<([String], [Double]), Problem> {
        var pieces: [String] = []
        var start = text.startIndex
        while let end = text.index(start, offsetBy: pieceLength, limitedBy: text.endIndex) {
            pieces.append(String(text[start..<end]))
            if end == text.endIndex { break }
            start = text.index(end, offsetBy: -overlap)
        }
        if pieces.isEmpty || text.index(start, offsetBy: pieceLength, limitedBy: text.endIndex) == nil {
            pieces.append(String(text[start...]))
        }
        pieces = pieces.filter { $0.contains { !$0.isWhitespace } }
        var (labels, probabilities): ([String], [Double]) = ([], [])
        for start in stride(from: 0, to: pieces.count, by: pieceLimit) {
            let some = pieces[start..<min(pieces.count, start + pieceLimit)]
            let answer = await link.result {
                ["type": "classify", "id": JSONNode($0), "texts": JSONNode(some.map { JSONNode($0) })]
            }
            guard let names = answer?["labels"]?.array?.compactMap(\.string), let rows = answer?["probabilities"]?.array else {
                return .failure(Problem(message: answer?["message"]?.string ?? "the classifier has ended"))
            }
            labels = names
            for row in rows {
                let numbers = (row.array ?? []).compactMap(\.double)
                probabilities = probabilities.isEmpty ? numbers : zip(probabilities, numbers).map { max($0, $1) }
            }
        }
        return .success((labels, probabilities))
    }
}
