/// How near an answer is to a reference answer, from 0 to 1.
package enum TextMeasures {
    /// Whether both say the same words: SQuAD's exact match.
    package static func exactMatch(_ answer: String, _ reference: String) -> Double {
        AnswerWords.normalized(answer) == AnswerWords.normalized(reference) ? 1 : 0
    }

    /// The harmonic mean of the shares of words that both have: SQuAD's F1. Where one has no word,
    /// both must have none.
    package static func tokenF1(_ answer: String, _ reference: String) -> Double {
        let (found, wanted) = (AnswerWords.normalized(answer), AnswerWords.normalized(reference))
        if found.isEmpty || wanted.isEmpty { return found.isEmpty && wanted.isEmpty ? 1 : 0 }
        return fMeasure(overlap(found, wanted), found.count, wanted.count)
    }

    /// The F-measure of runs of words that both have (Lin 2004, "ROUGE"), without stemming.
    package static func rouge(_ length: Int, _ answer: String, _ reference: String) -> Double {
        func runs(_ text: String) -> [[String]] {
            let words = AnswerWords.alphanumeric(text)
            return words.count < length
                ? [] : (0...(words.count - length)).map { Array(words[$0..<$0 + length]) }
        }
        let (found, wanted) = (runs(answer), runs(reference))
        return fMeasure(overlap(found, wanted), found.count, wanted.count)
    }

    /// The F-measure of the longest common subsequence of words.
    package static func rougeL(_ answer: String, _ reference: String) -> Double {
        let (found, wanted) = (AnswerWords.alphanumeric(answer), AnswerWords.alphanumeric(reference))
        return fMeasure(commonSubsequence(found, wanted), found.count, wanted.count)
    }

    /// How much of the longer text needs no change: one less the number of insertions and deletions
    /// over the sum of both lengths (the normalised Indel similarity that rapidfuzz calls ratio).
    package static func fuzzyMatch(_ answer: String, _ reference: String) -> Double {
        let (found, wanted) = (Array(answer.unicodeScalars), Array(reference.unicodeScalars))
        if found.isEmpty, wanted.isEmpty { return 1 }
        return 2 * Double(commonSubsequence(found, wanted)) / Double(found.count + wanted.count)
    }

    /// Members that both lists have, each as often as in the one that has it less often.
    private static func overlap<Element: Hashable>(_ left: [Element], _ right: [Element]) -> Int {
        var counts: [Element: Int] = [:]
        for element in left { counts[element, default: 0] += 1 }
        return right.reduce(0) { sum, element in
            guard let count = counts[element], count > 0 else { return sum }
            counts[element] = count - 1
            return sum + 1
        }
    }

    private static func fMeasure(_ common: Int, _ found: Int, _ wanted: Int) -> Double {
        common == 0 ? 0 : 2 * Double(common) / Double(found + wanted)
    }

    private static func commonSubsequence<Element: Equatable>(_ left: [Element], _ right: [Element])
        -> Int
    {
        var row = [Int](repeating: 0, count: right.count + 1)
        for element in left {
            var diagonal = 0
            for index in right.indices {
                let above = row[index + 1]
                row[index + 1] = element == right[index] ? diagonal + 1 : max(above, row[index])
                diagonal = above
            }
        }
        return row[right.count]
    }
}
