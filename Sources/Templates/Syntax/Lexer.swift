/// Cuts a template into text and the tokens of its tags, with Jinja's rules for white space
/// (`trim_blocks` and `lstrip_blocks` on).
struct Lexer {
    enum Token: Equatable {
        case text([UInt8])
        case variableBegin, variableEnd
        case blockBegin, blockEnd
        case name(String)
        case integer(Int)
        case bigInteger(BigInteger)
        case float(Double)
        case string(String)
        case symbol(String)
        case end

        /// As error messages name it.
        var described: String {
            switch self {
            case .text: "template data"
            case .variableBegin: "begin of print statement"
            case .variableEnd: "end of print statement"
            case .blockBegin: "begin of statement block"
            case .blockEnd: "end of statement block"
            case .name(let name): name
            case .integer, .bigInteger: "integer"
            case .float: "float"
            case .string: "string"
            case .symbol(let symbol): symbol
            case .end: "end of template"
            }
        }
    }
    struct Located {
        var token: Token
        var line: Int
    }
    let source: [UInt8]
    var position = 0
    var line = 1
    var tokens: [Located] = []

    init(_ text: String) {
        // Line ends become \n, and one at the end of the template is dropped, as Jinja does.
        var bytes: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\r") {
                bytes.append(UInt8(ascii: "\n"))
            } else if !(byte == UInt8(ascii: "\n") && previous == UInt8(ascii: "\r")) {
                bytes.append(byte)
            }
            previous = byte
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        source = bytes
    }

    func failure(_ message: String) -> TemplateError { TemplateError(type: "TemplateSyntaxError", message: message, line: line) }

    func has(_ text: StaticString, at index: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard index + count <= source.count else { return false }
        for offset in 0..<count where source[index + offset] != text.utf8Start[offset] { return false }
        return true
    }

    /// The bytes of the white space at a place, as Python's `\s` knows it; 0 if there is none.
    private func spaceLength(at index: Int) -> Int {
        guard index < source.count else { return 0 }
        let byte = source[index]
        if byte < 0x80 { return byte == 0x20 || (0x09...0x0D).contains(byte) || (0x1C...0x1F).contains(byte) ? 1 : 0 }
        // What is not ASCII begins with one of these.
        guard byte == 0xC2 || byte == 0xE1 || byte == 0xE2 || byte == 0xE3 else { return 0 }
        let scalar = String(decoding: source[index..<min(index + 4, source.count)], as: UTF8.self).unicodeScalars.first
        return scalar.map { PythonCharacters.isSpace($0) ? UTF8.width($0) : 0 } ?? 0
    }

    /// A text without the white space at its end.
    private func withoutTrailingSpace(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var end = text.endIndex
        while end > text.startIndex {
            var start = end - 1
            while start > text.startIndex, source[start] & 0xC0 == 0x80 { start -= 1 }
            guard spaceLength(at: start) == end - start else { break }
            end = start
        }
        return text[..<end]
    }

    /// Whether there is nothing but white space from a place to the end of a text.
    private func isSpace(_ text: ArraySlice<UInt8>) -> Bool { withoutTrailingSpace(text).isEmpty }

    /// A parser over the tokens, which knows where they could not be read.
    mutating func parser() -> Parser {
        do throws(TemplateError) {
            return Parser(try run())
        } catch {
            return Parser(tokens + [Located(token: .end, line: error.line ?? line)], error)
        }
    }

    private mutating func run() throws(TemplateError) -> [Located] {
        var isLineStart = true
        while position < source.count {
            let start = position
            while position < source.count,
                !(source[position] == UInt8(ascii: "{") && position + 1 < source.count && "{%#".utf8.contains(source[position + 1]))
            {
                position += 1
            }
            var text = source[start..<position]
            if position == source.count {
                emitText(text)
                break
            }
            let kind = source[position + 1]
            let sign = position + 2 < source.count ? source[position + 2] : 0
            if sign == UInt8(ascii: "-") {
                text = withoutTrailingSpace(text)
            } else if sign != UInt8(ascii: "+"), kind != UInt8(ascii: "{") {
                // lstrip_blocks: white space between the line's beginning and a block goes.
                let lineStart = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.startIndex
                let reachesLineStart = text.contains(UInt8(ascii: "\n")) || isLineStart
                if reachesLineStart, isSpace(text[lineStart...]) { text = text[..<lineStart] }
            }
            emitText(text)
            line +=
                source[start..<position].reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
                - text.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
            position += 2
            if position < source.count, source[position] == UInt8(ascii: "-") || source[position] == UInt8(ascii: "+") { position += 1 }
            switch kind {
            case UInt8(ascii: "#"): isLineStart = try comment()
            case UInt8(ascii: "{"):
                tokens.append(Located(token: .variableBegin, line: line))
                isLineStart = try tag(closing: UInt8(ascii: "}"), end: .variableEnd)
            default:
                if try rawBlock() {
                    isLineStart = position > 0 && source[position - 1] == UInt8(ascii: "\n")
                    continue
                }
                tokens.append(Located(token: .blockBegin, line: line))
                isLineStart = try tag(closing: UInt8(ascii: "%"), end: .blockEnd)
            }
        }
        tokens.append(Located(token: .end, line: line))
        return tokens
    }

    private mutating func emitText(_ text: ArraySlice<UInt8>) {
        if !text.isEmpty { tokens.append(Located(token: .text(Array(text)), line: line)) }
        line += text.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }

    /// Passes what follows a closing tag by its sign: `-` takes all white space, `+` nothing, else
    /// a block takes one line end. Tells whether a line begins here.
    private mutating func afterTag(sign: UInt8, trimsLineEnd: Bool) -> Bool {
        if sign == UInt8(ascii: "-") {
            var endsLine = false
            while case let length = spaceLength(at: position), length > 0 {
                endsLine = source[position] == UInt8(ascii: "\n")
                if endsLine { line += 1 }
                position += length
            }
            return endsLine
        }
        if sign != UInt8(ascii: "+"), trimsLineEnd, position < source.count, source[position] == UInt8(ascii: "\n") {
            position += 1
            line += 1
            return true
        }
        return false
    }

    private mutating func comment() throws(TemplateError) -> Bool {
        while position < source.count {
            if has("-#}", at: position) {
                position += 3
                return afterTag(sign: UInt8(ascii: "-"), trimsLineEnd: true)
            }
            if has("+#}", at: position) {
                position += 3
                return false
            }
            if has("#}", at: position) {
                position += 2
                return afterTag(sign: 0, trimsLineEnd: true)
            }
            if source[position] == UInt8(ascii: "\n") { line += 1 }
            position += 1
        }
        throw failure("Missing end of comment tag")
    }

    private func skippingSpace(_ index: Int) -> Int {
        var index = index
        while case let length = spaceLength(at: index), length > 0 { index += length }
        return index
    }

    /// Handles `{% raw %}`, whose tag's opening has been passed; false if this is another block.
    private mutating func rawBlock() throws(TemplateError) -> Bool {
        var index = skippingSpace(position)
        guard has("raw", at: index) else { return false }
        index = skippingSpace(index + 3)
        var sign: UInt8 = 0
        if index < source.count, source[index] == UInt8(ascii: "-") || source[index] == UInt8(ascii: "+") {
            sign = source[index]
            index += 1
        }
        guard has("%}", at: index) else { return false }
        position = index + 2
        _ = afterTag(sign: sign, trimsLineEnd: true)
        let start = position
        while position < source.count {
            if has("{%", at: position) {
                var close = position + 2
                var openSign: UInt8 = 0
                if close < source.count, source[close] == UInt8(ascii: "-") || source[close] == UInt8(ascii: "+") {
                    openSign = source[close]
                    close += 1
                }
                close = skippingSpace(close)
                if has("endraw", at: close) {
                    close = skippingSpace(close + 6)
                    var closeSign: UInt8 = 0
                    if close < source.count, source[close] == UInt8(ascii: "-") || source[close] == UInt8(ascii: "+") {
                        closeSign = source[close]
                        close += 1
                    }
                    if has("%}", at: close) {
                        var text = source[start..<position]
                        if openSign == UInt8(ascii: "-") {
                            text = withoutTrailingSpace(text)
                        } else if openSign == 0 {
                            let lineStart = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.startIndex
                            if text.contains(UInt8(ascii: "\n")), isSpace(text[lineStart...]) { text = text[..<lineStart] }
                        }
                        emitText(text)
                        position = close + 2
                        _ = afterTag(sign: closeSign, trimsLineEnd: true)
                        return true
                    }
                }
            }
            position += 1
        }
        if start == source.count { return true }
        throw failure("Missing end of raw directive")
    }

    /// The tokens of a tag up to its closing; returns whether a line begins behind it.
    private mutating func tag(closing: UInt8, end: Token) throws(TemplateError) -> Bool {
        var brackets: [UInt8] = []
        while position < source.count {
            let byte = source[position]
            if byte == UInt8(ascii: "\n") { line += 1 }
            if case let length = spaceLength(at: position), length > 0 {
                position += length
                continue
            }
            if brackets.isEmpty {
                let hasSign = byte == UInt8(ascii: "-") || (byte == UInt8(ascii: "+") && closing == UInt8(ascii: "%"))
                let index = hasSign ? position + 1 : position
                if index + 1 < source.count, source[index] == closing, source[index + 1] == UInt8(ascii: "}") {
                    tokens.append(Located(token: end, line: line))
                    position = index + 2
                    return afterTag(sign: hasSign ? byte : 0, trimsLineEnd: closing == UInt8(ascii: "%"))
                }
            }
            try token(&brackets)
        }
        tokens.append(Located(token: .end, line: line))
        return false
    }

    private mutating func token(_ brackets: inout [UInt8]) throws(TemplateError) {
        let byte = source[position]
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { return try string(quote: byte) }
        if (0x30...0x39).contains(byte) { return try number() }
        if nameLength(at: position) > 0 {
            let start = position
            while case let length = nameLength(at: position), length > 0 { position += length }
            tokens.append(Located(token: .name(String(decoding: source[start..<position], as: UTF8.self)), line: line))
            return
        }
        for symbol in ["**", "//", "==", "!=", ">=", "<="]
        where Array(symbol.utf8) == Array(source[position..<min(position + 2, source.count)]) {
            tokens.append(Located(token: .symbol(symbol), line: line))
            position += 2
            return
        }
        guard "+-*/%~<>=.:|,;()[]{}".utf8.contains(byte) else {
            throw unexpectedCharacter(at: position)
        }
        switch byte {
        case UInt8(ascii: "("): brackets.append(UInt8(ascii: ")"))
        case UInt8(ascii: "["): brackets.append(UInt8(ascii: "]"))
        case UInt8(ascii: "{"): brackets.append(UInt8(ascii: "}"))
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            guard let expected = brackets.popLast() else { throw failure("unexpected '\(Character(Unicode.Scalar(byte)))'") }
            guard expected == byte else {
                throw failure("unexpected '\(Character(Unicode.Scalar(byte)))', expected '\(Character(Unicode.Scalar(expected)))'")
            }
        default: break
        }
        tokens.append(Located(token: .symbol(String(Character(Unicode.Scalar(byte)))), line: line))
        position += 1
    }

    /// The bytes of a name's character at a place; 0 if there is none.
    func nameLength(at index: Int) -> Int {
        guard index < source.count else { return 0 }
        let byte = source[index]
        if byte < 0x80 {
            return byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) ? 1 : 0
        }
        let scalar = String(decoding: source[index..<min(index + 4, source.count)], as: UTF8.self).unicodeScalars.first
        return scalar.map { $0.properties.isXIDContinue ? UTF8.width($0) : 0 } ?? 0
    }

    func unexpectedCharacter(at index: Int) -> TemplateError {
        let character = String(decoding: source[index..<min(index + 4, source.count)], as: UTF8.self).unicodeScalars.prefix(1)
        let place = source[..<index].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        return failure("unexpected char \(PythonText.quoted(String(character))) at \(place)")
    }
}
