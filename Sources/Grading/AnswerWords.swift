/// The words of an answer, as the measures of question answering compare them.
enum AnswerWords {
    private static let articles: Set<String> = ["a", "an", "the"]

    /// Lower case, without ASCII punctuation and English articles, words divided by one space:
    /// SQuAD's evaluation (Rajpurkar et al. 2016, arXiv:1606.05250).
    static func normalized(_ text: String) -> [String] {
        let plain = String(
            String.UnicodeScalarView(text.lowercased().unicodeScalars.filter { !isPunctuation($0) }))
        return plain.split(whereSeparator: \.isWhitespace).map(String.init).filter {
            !articles.contains($0)
        }
    }

    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && !(0x30...0x39).contains(scalar.value) && !(0x41...0x5A).contains(scalar.value)
            && !(0x61...0x7A).contains(scalar.value) && scalar.value > 0x20 && scalar.value < 0x7F
    }

    /// The runs of letters and digits of ASCII in lower case, as rouge_score splits.
    static func alphanumeric(_ text: String) -> [String] {
        text.lowercased().unicodeScalars.split { scalar in
            !((0x30...0x39).contains(scalar.value) || (0x61...0x7A).contains(scalar.value))
        }.map { String($0) }
    }
}
