import Glibc

/// BLEU (Papineni et al. 2002) as sacreBLEU computes it: tokens of `13a`, runs of up to four, mixed
/// case, exponential smoothing.
package struct BLEU: Sendable, Hashable {
    private var matches = [0, 0, 0, 0]
    private var totals = [0, 0, 0, 0]
    private var answerLength = 0
    private var referenceLength = 0

    package init() {}

    /// Adds an answer and its reference; the score is that of all of them together.
    package mutating func add(_ answer: String, _ reference: String) {
        let (found, wanted) = (Self.tokens(answer), Self.tokens(reference))
        answerLength += found.count
        referenceLength += wanted.count
        for order in 1...4 {
            var known = Self.counts(wanted, order)
            for (run, count) in Self.counts(found, order) {
                let common = min(count, known.removeValue(forKey: run) ?? 0)
                matches[order - 1] += common
                totals[order - 1] += count
            }
        }
    }

    /// From 0 to 100.
    /// - Parameter usesEffectiveOrder: runs that are longer than the answer do not count, as
    ///   sacreBLEU does for single sentences.
    package func score(usesEffectiveOrder: Bool = false) -> Double {
        guard answerLength > 0, matches.contains(where: { $0 > 0 }) else { return 0 }
        var (smoothing, sum, orders) = (1.0, 0.0, 0)
        for order in 0..<4 {
            guard totals[order] > 0 else { break }
            orders = order + 1
            if matches[order] == 0 {
                smoothing *= 2
                sum += log(100 / (smoothing * Double(totals[order])))
            } else {
                sum += log(100 * Double(matches[order]) / Double(totals[order]))
            }
        }
        // Without runs of four words there is nothing to divide: the score of a corpus is 0 then.
        guard usesEffectiveOrder || orders == 4 else { return 0 }
        let penalty =
            answerLength < referenceLength ? exp(1 - Double(referenceLength) / Double(answerLength)) : 1
        return penalty * exp(sum / Double(orders))
    }

    /// BLEU of one answer, from 0 to 100.
    package static func ofSentence(_ answer: String, _ reference: String) -> Double {
        var one = BLEU()
        one.add(answer, reference)
        return one.score(usesEffectiveOrder: true)
    }

    private static func counts(_ tokens: [String], _ order: Int) -> [[String]: Int] {
        guard tokens.count >= order else { return [:] }
        var counts: [[String]: Int] = [:]
        for start in 0...(tokens.count - order) {
            counts[Array(tokens[start..<start + order]), default: 0] += 1
        }
        return counts
    }

    /// The tokens of mteval-v13a: symbols of ASCII stand alone, full stop and comma do unless they
    /// are between digits, a dash does behind a digit.
    static func tokens(_ text: String) -> [String] {
        var plain = text.replacing("<skipped>", with: "").replacing("-\n", with: "").replacing(
            "\n", with: " ")
        if plain.contains("&") {
            for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
                plain = plain.replacing(entity, with: character)
            }
        }
        let scalars = Array((" " + plain + " ").unicodeScalars)
        // Each rule reads what the one before has written, and looks at nothing twice.
        let symbols: [Unicode.Scalar] = scalars.flatMap { scalar -> [Unicode.Scalar] in isSymbol(scalar) ? [" ", scalar, " "] : [scalar] }
        let behind = pairs(symbols) { !isDigit($0) && isPoint($1) ? [$0, " ", $1, " "] : nil }
        let ahead = pairs(behind) { isPoint($0) && !isDigit($1) ? [" ", $0, " ", $1] : nil }
        let dashes = pairs(ahead) { isDigit($0) && $1 == "-" ? [$0, " ", $1, " "] : nil }
        return String(String.UnicodeScalarView(dashes)).split(whereSeparator: \.isWhitespace).map(
            String.init)
    }

    /// Replaces pairs of neighbours, from the left, where the rule has something for them.
    private static func pairs(
        _ scalars: [Unicode.Scalar], _ rule: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]?
    ) -> [Unicode.Scalar] {
        var (result, index): ([Unicode.Scalar], Int) = ([], 0)
        while index < scalars.count {
            if index + 1 < scalars.count, let replacement = rule(scalars[index], scalars[index + 1]) {
                result += replacement
                index += 2
            } else {
                result.append(scalars[index])
                index += 1
            }
        }
        return result
    }

    /// `{-~`, `[-` and backtick, blank to `&`, `(` to `+`, `:` to `@`, and the slash.
    private static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7B...0x7E, 0x5B...0x60, 0x21...0x26, 0x28...0x2B, 0x3A...0x40, 0x2F: true
        default: false
        }
    }
    private static func isPoint(_ scalar: Unicode.Scalar) -> Bool { scalar == "." || scalar == "," }
    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        (0x30...0x39).contains(scalar.value)
    }
}
