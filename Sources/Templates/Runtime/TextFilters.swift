/// Filters over text that lay it out.
enum TextFilters {
    static func apply(_ name: String, _ value: TemplateValue, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError)
        -> TemplateValue
    {
        switch name {
        case "urlencode": return .string(try encoded(value, interpreter))
        case "filesizeformat":
            guard let number = NumberText.float(value) else {
                throw interpreter.operandFailure(value, "float() argument must be a string or a real number, not '\(value.typeName)'")
            }
            return .string(fileSize(number, isBinary: arguments.value(0, "binary")?.isTrue ?? false))
        default: break
        }
        guard let text = value.text else {
            if name == "indent" {
                throw interpreter.operandFailure(value, "unsupported operand type(s) for +=: '\(value.typeName)' and 'str'")
            }
            if name == "truncate", try Filters.length(value, interpreter) <= arguments.value(0, "length")?.wholeNumber ?? 255 {
                return value
            }
            throw interpreter.operandFailure(value, "object of type '\(value.typeName)' is not text")
        }
        try interpreter.charge(text.utf8.count)
        switch name {
        case "indent": return .string(try indented(text, arguments, interpreter))
        case "truncate": return .string(try truncated(text, arguments, interpreter))
        default: return .string(try wrapped(text, arguments, interpreter))
        }
    }

    /// Jinja's own title filter: a word begins after white space or one of `-({[<`.
    static func titled(_ text: String) -> String {
        var result = ""
        var word: [Unicode.Scalar] = []
        func close() {
            guard let first = word.first else { return }
            var rest = String.UnicodeScalarView()
            rest.append(contentsOf: word.dropFirst())
            result += first.properties.uppercaseMapping + PythonCharacters.lowercased(String(rest))
            word = []
        }
        for scalar in text.unicodeScalars {
            if PythonCharacters.isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) {
                close()
                result.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        close()
        return result
    }

    /// Runs of letters, digits and underscores.
    static func wordCount(_ text: String) -> Int {
        var (count, isInWord) = (0, false)
        for scalar in text.unicodeScalars {
            let belongs = scalar == "_" || PythonCharacters.isLetter(scalar) || PythonCharacters.isNumeric(scalar)
            if belongs, !isInWord { count += 1 }
            isInWord = belongs
        }
        return count
    }

    /// Without `<...>` tags and comments, with runs of white space as one space, and with entities
    /// as their characters.
    static func withoutTags(_ text: String) -> String {
        var result = text
        for (opening, closing) in [("<!--", "-->"), ("<", ">")] {
            var kept = ""
            var rest = Substring(result)
            while let start = rest.range(of: opening) {
                guard let end = rest[start.upperBound...].range(of: closing) else { break }
                kept += rest[..<start.lowerBound]
                rest = rest[end.upperBound...]
            }
            result = kept + rest
        }
        result = TextSearch.words(result, limit: -1, fromRight: false).joined(separator: " ")
        for (entity, character) in [
            ("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", "\u{A0}"), ("&amp;", "&"),
        ] {
            result = TextSearch.split(result, by: entity, limit: -1, fromRight: false).joined(separator: character)
        }
        return result
    }

    /// The keys of dictionaries in order, as `pprint` shows them.
    static func sorted(_ value: TemplateValue) -> TemplateValue {
        guard case .dictionary(let dictionary) = value, dictionary.entries.allSatisfy({ $0.key.text != nil }) else { return value }
        let entries = dictionary.entries.sorted {
            ($0.key.text ?? "").unicodeScalars.lexicographicallyPrecedes(($1.key.text ?? "").unicodeScalars)
        }
        return .dictionary(TemplateDictionary(entries.map { ($0.key, sorted($0.value)) }))
    }

    private static func encoded(_ value: TemplateValue, _ interpreter: Interpreter) throws(TemplateError) -> String {
        if let text = value.text { return percentEncoded(text, keepsSlash: true) }
        var pairs: [TemplateValue]
        switch value {
        case .dictionary(let dictionary): pairs = dictionary.entries.map { .tuple([$0.key, $0.value]) }
        case .list, .tuple, .view, .range, .undefined: pairs = try interpreter.elements(value)
        default: return percentEncoded(try interpreter.text(value), keepsSlash: true)
        }
        var parts: [String] = []
        for pair in pairs {
            let elements: [TemplateValue]
            do throws(TemplateError) { elements = try interpreter.elements(pair) } catch {
                throw interpreter.failure("TypeError", "cannot unpack non-iterable \(pair.typeName) object")
            }
            guard elements.count == 2 else { throw interpreter.failure("ValueError", "a pair was expected, not \(elements.count) values") }
            let texts = [try interpreter.text(elements[0]), try interpreter.text(elements[1])]
            parts.append(texts.map { percentEncoded($0, keepsSlash: false).replacing("%20", with: "+") }.joined(separator: "="))
        }
        return parts.joined(separator: "&")
    }

    private static func percentEncoded(_ text: String, keepsSlash: Bool) -> String {
        var result: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "_.-~".utf8.contains(byte)
                || (keepsSlash && byte == 0x2F)
            if isPlain { result.append(byte) } else { result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func indented(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        let width = arguments.value(0, "width") ?? .int(4)
        let prefix: String
        if let given = width.text {
            prefix = given
        } else {
            guard let count = width.wholeNumber else {
                throw interpreter.operandFailure(width, "can't multiply sequence by non-int of type '\(width.typeName)'")
            }
            try interpreter.requireText(max(0, count))
            prefix = String(repeating: " ", count: max(0, count))
        }
        let indentsBlank = arguments.value(2, "blank")?.isTrue ?? false
        let lines = TextSearch.lines(text + "\n", keepsEnds: false)
        let (size, overflow) = lines.count.multipliedReportingOverflow(by: prefix.utf8.count)
        try interpreter.requireText(overflow ? .max : min(.max - text.utf8.count, size) + text.utf8.count)
        let body = lines.enumerated().map { index, line in index == 0 || line.isEmpty && !indentsBlank ? line : prefix + line }
        return (arguments.value(1, "first")?.isTrue ?? false ? prefix : "") + body.joined(separator: "\n")
    }

    private static func truncated(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        let length = arguments.value(0, "length")?.wholeNumber ?? 255
        let kills = arguments.value(1, "killwords")?.isTrue ?? false
        let end = arguments.value(2, "end").map { PythonText.string($0) } ?? "..."
        let leeway = arguments.value(3, "leeway").flatMap { $0.isNone ? nil : $0.wholeNumber } ?? 5
        guard length >= end.unicodeScalars.count else {
            throw interpreter.failure("AssertionError", "expected length >= \(end.unicodeScalars.count), got \(length)")
        }
        guard leeway >= 0 else { throw interpreter.failure("AssertionError", "expected leeway >= 0, got \(leeway)") }
        let scalars = Array(text.unicodeScalars)
        let (limit, overflow) = length.addingReportingOverflow(leeway)
        if overflow || scalars.count <= limit { return text }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars.prefix(length - end.unicodeScalars.count))
        let cut = String(view)
        if kills { return cut + end }
        return (TextSearch.split(cut, by: " ", limit: 1, fromRight: true).first ?? cut) + end
    }

    /// Lines of at most a width, as Python's textwrap fills them; a word is cut behind a hyphen, or
    /// anywhere if it is longer than a line.
    private static func wrapped(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        guard let width = (arguments.value(0, "width") ?? .int(79)).wholeNumber, width > 0 else {
            throw interpreter.failure(
                "ValueError", "invalid width \(PythonText.string(arguments.value(0, "width") ?? .none)) (must be > 0)")
        }
        let breaksLong = arguments.value(1, "break_long_words")?.isTrue ?? true
        let breaksHyphens = arguments.value(3, "break_on_hyphens")?.isTrue ?? true
        let separator = arguments.value(2, "wrapstring").flatMap { $0.isNone ? nil : $0.text } ?? "\n"
        var output: [String] = []
        for line in TextSearch.lines(text, keepsEnds: false) {
            let lines = filled(chunks(Array(line.unicodeScalars), breaksHyphens), width, breaksLong)
            output.append(lines.map { String(String.UnicodeScalarView($0)) }.joined(separator: separator))
            try interpreter.step()
        }
        let result = output.joined(separator: separator)
        try interpreter.requireText(result.utf8.count)
        return result
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || (0x09...0x0D).contains(scalar.value) }

    private static func chunks(_ line: [Unicode.Scalar], _ breaksHyphens: Bool) -> [ArraySlice<Unicode.Scalar>] {
        var result: [ArraySlice<Unicode.Scalar>] = []
        var start = 0
        for (index, scalar) in line.enumerated() where index > 0 {
            let last = line[index - 1]
            let continues = {
                if isBlank(last) != isBlank(scalar) { return false }
                // Between a letter with a hyphen and the letters behind it.
                return
                    !(breaksHyphens && last == "-" && index >= 2 && PythonCharacters.isLetter(line[index - 2])
                    && PythonCharacters.isLetter(scalar))
            }()
            if !continues {
                result.append(line[start..<index])
                start = index
            }
        }
        if start < line.count { result.append(line[start...]) }
        return result
    }

    private static func filled(_ chunks: [ArraySlice<Unicode.Scalar>], _ width: Int, _ breaksLong: Bool) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = []
        var rest = Array(chunks.reversed())
        while !rest.isEmpty {
            var line: [ArraySlice<Unicode.Scalar>] = []
            var length = 0
            if !lines.isEmpty, let last = rest.last, last.allSatisfy(isBlank) { rest.removeLast() }
            while let chunk = rest.last, length + chunk.count <= width {
                line.append(chunk)
                length += chunk.count
                rest.removeLast()
            }
            if let chunk = rest.last, chunk.count > width {
                let room = max(1, width - length)
                if breaksLong {
                    line.append(chunk.prefix(room))
                    rest[rest.count - 1] = chunk.dropFirst(room)
                } else if line.isEmpty {
                    line.append(chunk)
                    rest.removeLast()
                }
            }
            if let last = line.last, last.allSatisfy(isBlank) { line.removeLast() }
            if !line.isEmpty { lines.append(Array(line.joined())) }
        }
        return lines
    }

    private static func fileSize(_ number: Double, isBinary: Bool) -> String {
        let base = isBinary ? 1024.0 : 1000.0
        if number == 1 { return "1 Byte" }
        if number < base { return "\(BigInteger(number)?.description ?? "0") Bytes" }
        let prefixes =
            isBinary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
        var unit = base
        for (index, prefix) in prefixes.enumerated() {
            unit *= base
            if number < unit || index == prefixes.count - 1 { return FloatFormat.fixed(base * number / unit, digits: 1) + " " + prefix }
        }
        return ""
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        guard let first = text.first else { return nil }
        var start = startIndex
        while let place = self[start...].firstIndex(of: first) {
            if self[place...].hasPrefix(text) { return place..<index(place, offsetBy: text.count) }
            start = index(after: place)
        }
        return nil
    }
}
