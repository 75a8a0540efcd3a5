/// Searching and cutting text by its scalars.
enum TextSearch {
    static func contains(_ part: String, in text: String) -> Bool { first(of: Array(part.utf8), in: Array(text.utf8), from: 0) != nil }

    /// The byte range of the first occurrence at or after `start`.
    static func first(of wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Range<Int>? {
        if wanted.isEmpty { return start <= bytes.count ? start..<start : nil }
        guard start >= 0, start <= bytes.count, bytes.count - start >= wanted.count else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            wanted.withUnsafeBufferPointer { wanted in wanted.count <= 32 ? short(wanted, bytes, start) : long(wanted, bytes, start) }
        }
    }

    private static func short(_ wanted: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Range<Int>? {
        let (first, end) = (wanted[0], bytes.count - wanted.count)
        var index = start
        while index <= end {
            if bytes[index] == first {
                var length = 1
                while length < wanted.count, bytes[index + length] == wanted[length] { length += 1 }
                if length == wanted.count { return index..<(index + length) }
            }
            index += 1
        }
        return nil
    }

    /// Knuth, Morris and Pratt: linear, however the texts repeat themselves.
    private static func long(_ wanted: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Range<Int>? {
        var borders = [Int](repeating: 0, count: wanted.count)
        var length = 0
        for index in 1..<wanted.count {
            while length > 0, wanted[index] != wanted[length] { length = borders[length - 1] }
            if wanted[index] == wanted[length] { length += 1 }
            borders[index] = length
        }
        length = 0
        for index in start..<bytes.count {
            while length > 0, bytes[index] != wanted[length] { length = borders[length - 1] }
            if bytes[index] == wanted[length] { length += 1 }
            if length == wanted.count { return (index + 1 - length)..<(index + 1) }
        }
        return nil
    }

    /// Where the last occurrence that ends at or before `end` begins.
    static func last(of wanted: [UInt8], in bytes: [UInt8], before end: Int) -> Int? {
        let found = first(of: wanted.reversed(), in: bytes[..<end].reversed(), from: 0)
        return found.map { end - $0.upperBound }
    }

    /// The parts of a text between occurrences of a separator, from the left or the right, at most
    /// `limit` cuts (negative: all).
    static func split(_ text: String, by separator: String, limit: Int, fromRight: Bool) -> [String] {
        let (wanted, bytes) = (Array(separator.utf8), Array(text.utf8))
        var cuts: [Range<Int>] = []
        if fromRight {
            let (backwards, text) = (Array(wanted.reversed()), Array(bytes.reversed()))
            var start = 0
            while limit < 0 || cuts.count < limit, let found = first(of: backwards, in: text, from: start) {
                cuts.append((bytes.count - found.upperBound)..<(bytes.count - found.lowerBound))
                start = found.upperBound
            }
            cuts.reverse()
        } else {
            var start = 0
            while limit < 0 || cuts.count < limit, let found = first(of: wanted, in: bytes, from: start) {
                cuts.append(found)
                start = found.upperBound
            }
        }
        var parts: [String] = []
        parts.reserveCapacity(cuts.count + 1)
        var start = 0
        for cut in cuts {
            parts.append(String(decoding: bytes[start..<cut.lowerBound], as: UTF8.self))
            start = cut.upperBound
        }
        parts.append(String(decoding: bytes[start...], as: UTF8.self))
        return parts
    }

    /// Python's white space splitting.
    static func words(_ text: String, limit: Int, fromRight: Bool) -> [String] {
        let scalars = Array(text.unicodeScalars)
        func make(_ range: Range<Int>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[range])
            return String(view)
        }
        var ranges: [Range<Int>] = []
        var index = 0
        while index < scalars.count {
            while index < scalars.count, PythonCharacters.isSpace(scalars[index]) { index += 1 }
            let start = index
            while index < scalars.count, !PythonCharacters.isSpace(scalars[index]) { index += 1 }
            if start < index { ranges.append(start..<index) }
        }
        guard limit >= 0, ranges.count > limit else { return ranges.map(make) }
        // What is left over stays whole, white space inside and at the far end included.
        if fromRight { return [make(0..<ranges[ranges.count - limit - 1].upperBound)] + ranges.suffix(limit).map(make) }
        return ranges.prefix(limit).map(make) + [make(ranges[limit].lowerBound..<scalars.count)]
    }

    /// `str.splitlines`.
    static func lines(_ text: String, keepsEnds: Bool) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var previousWasReturn = false
        for scalar in text.unicodeScalars {
            if scalar == "\n", previousWasReturn {
                if keepsEnds, let last = lines.popLast() { lines.append(last + "\n") }
            } else if PythonCharacters.isLineEnd(scalar) {
                if keepsEnds { line.append(scalar) }
                lines.append(String(line))
                line = String.UnicodeScalarView()
            } else {
                line.append(scalar)
            }
            previousWasReturn = scalar == "\r"
        }
        if !line.isEmpty { lines.append(String(line)) }
        return lines
    }

    static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
        let members = characters.map { Set($0.unicodeScalars) }
        func goes(_ scalar: Unicode.Scalar) -> Bool { members.map { $0.contains(scalar) } ?? PythonCharacters.isSpace(scalar) }
        var view = Substring(text).unicodeScalars
        if left { while let first = view.first, goes(first) { view.removeFirst() } }
        if right { while let last = view.last, goes(last) { view.removeLast() } }
        return String(Substring(view))
    }

    static func replaced(_ text: String, _ old: String, _ new: String, limit: Int, _ interpreter: Interpreter) throws(TemplateError)
        -> String
    {
        if old.utf8.isEmpty {
            let pieces = text.unicodeScalars.map { String($0) }
            let count = limit < 0 ? pieces.count + 1 : min(limit, pieces.count + 1)
            try requireProduct(text.utf8.count, count, new.utf8.count, interpreter)
            var result = ""
            for (index, piece) in pieces.enumerated() { result += (index < count ? new : "") + piece }
            return count > pieces.count ? result + new : result
        }
        let parts = split(text, by: old, limit: limit, fromRight: false)
        try requireProduct(text.utf8.count, parts.count - 1, new.utf8.count, interpreter)
        return parts.joined(separator: new)
    }

    private static func requireProduct(_ base: Int, _ count: Int, _ size: Int, _ interpreter: Interpreter) throws(TemplateError) {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        let (sum, tooLarge) = base.addingReportingOverflow(product)
        try interpreter.requireSize(overflow || tooLarge ? .max : sum)
        try interpreter.chargeCopy(sum)
    }

    /// `str.expandtabs`.
    static func expanded(_ text: String, _ size: Int, _ interpreter: Interpreter) throws(TemplateError) -> String {
        try interpreter.requireSize(max(0, size))
        var result = String.UnicodeScalarView()
        var column = 0
        for scalar in text.unicodeScalars {
            if scalar == "\t" {
                guard size > 0 else { continue }
                let count = size - column % size
                try interpreter.charge(count)
                result.append(contentsOf: repeatElement(" ", count: count))
                column += count
            } else {
                result.append(scalar)
                column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
            }
        }
        return String(result)
    }
}
