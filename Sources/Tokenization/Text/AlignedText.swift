/// A piece of text that remembers where each of its scalars comes from.
///
/// Normalisation changes text; masks need to know which bytes of the original a token stands for.
struct AlignedText {
    var scalars: [Unicode.Scalar]
    /// For each scalar the range of UTF-8 bytes of the original text that it stands for.
    var starts: [Int]
    var ends: [Int]

    var count: Int { scalars.count }

    init() { (scalars, starts, ends) = ([], [], []) }

    /// The scalars of UTF-8 bytes that begin at `offset` of the original.
    init(_ text: Substring, offset: Int) {
        self.init()
        var position = offset
        scalars.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            let width = UTF8.width(scalar)
            append(scalar, position, position + width)
            position += width
        }
    }

    mutating func append(_ scalar: Unicode.Scalar, _ start: Int, _ end: Int) {
        scalars.append(scalar)
        starts.append(start)
        ends.append(end)
    }

    mutating func append(_ range: Range<Int>, of other: AlignedText) {
        scalars.append(contentsOf: other.scalars[range])
        starts.append(contentsOf: other.starts[range])
        ends.append(contentsOf: other.ends[range])
    }

    func slice(_ range: Range<Int>) -> AlignedText {
        var result = AlignedText()
        result.append(range, of: self)
        return result
    }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}
