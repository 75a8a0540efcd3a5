/// Numbers and strings, as Jinja cuts them: its regular expressions, and the escapes of Python's
/// literals.
extension Lexer {
    mutating func number() throws(TemplateError) {
        let start = position
        func isDigit(_ index: Int) -> Bool { index < source.count && (0x30...0x39).contains(source[index]) }
        var isFloat = false
        if source[position] == UInt8(ascii: "0"), position + 1 < source.count, "xXoObB".utf8.contains(source[position + 1]) {
            let radix = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2][source[position + 1] | 0x20] ?? 16
            position += 2
            let digits = position
            while position < source.count, source[position] == UInt8(ascii: "_") || Character(Unicode.Scalar(source[position])).isHexDigit {
                position += 1
            }
            let text = String(decoding: source[digits..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
            guard let value = Int(text, radix: radix) else { throw failure("invalid number") }
            tokens.append(Located(token: .integer(value), line: line))
            return
        }
        func passDigits() {
            while isDigit(position) || (position < source.count && source[position] == UInt8(ascii: "_") && isDigit(position + 1)) {
                position += 1
            }
        }
        passDigits()
        // Behind a dot stands an index, which has no fraction.
        let isIndex = start > 0 && source[start - 1] == UInt8(ascii: ".")
        if !isIndex, position < source.count, source[position] == UInt8(ascii: "."), isDigit(position + 1) {
            isFloat = true
            position += 1
            passDigits()
        }
        if !isIndex, position < source.count, source[position] | 0x20 == UInt8(ascii: "e") {
            let sign =
                position + 1 < source.count && (source[position + 1] == UInt8(ascii: "+") || source[position + 1] == UInt8(ascii: "-"))
                ? 1 : 0
            if isDigit(position + 1 + sign) {
                isFloat = true
                position += 1 + sign
                passDigits()
            }
        }
        if !isFloat, source[start] == UInt8(ascii: "0") {
            // A whole number that begins with 0 is 0: what follows is a number of its own.
            position = start + 1
            while position < source.count, source[position] == UInt8(ascii: "0") { position += 1 }
        }
        let text = String(decoding: source[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        if !isFloat, let value = Int(text) {
            tokens.append(Located(token: .integer(value), line: line))
        } else if !isFloat, text.utf8.count <= 4300, let value = BigInteger(text) {
            tokens.append(Located(token: .bigInteger(value), line: line))
        } else if let value = Double(text) {
            tokens.append(Located(token: .float(value), line: line))
        } else {
            throw failure("invalid number")
        }
    }

    mutating func string(quote: UInt8) throws(TemplateError) {
        let start = position
        let startLine = line
        position += 1
        var content: [UInt8] = []
        while position < source.count, source[position] != quote {
            if source[position] == UInt8(ascii: "\n") { line += 1 }
            if source[position] == UInt8(ascii: "\\"), position + 1 < source.count {
                do throws(TemplateError) { try escape(into: &content) } catch {
                    line = startLine
                    throw error.line == nil ? failure(error.message) : error
                }
            } else {
                content.append(source[position])
                position += 1
            }
        }
        guard position < source.count else {
            line = startLine
            throw unexpectedCharacter(at: start)
        }
        position += 1
        tokens.append(Located(token: .string(String(decoding: content, as: UTF8.self)), line: startLine))
    }

    /// An escape as Python's string literals have them; an unknown one stays as it is.
    private mutating func escape(into content: inout [UInt8]) throws(TemplateError) {
        let byte = source[position + 1]
        position += 2
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "'"): 0x27,
            UInt8(ascii: "\""): 0x22,
            UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "v"): 11,
        ]
        if let value = simple[byte] { return content.append(value) }
        if byte == UInt8(ascii: "\n") { return }
        let widths: [UInt8: Int] = [UInt8(ascii: "x"): 2, UInt8(ascii: "u"): 4, UInt8(ascii: "U"): 8]
        if let width = widths[byte], position + width <= source.count,
            source[position..<(position + width)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: source[position..<(position + width)], as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(code)
        {
            position += width
            content += Array(String(Character(scalar)).utf8)
            return
        }
        func broken(_ message: String) -> TemplateError { TemplateError(type: "TemplateSyntaxError", message: message, line: nil) }
        if let width = widths[byte] {
            let digits = source[position...].prefix(width)
            guard digits.count == width, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                throw broken("truncated \\\(Character(Unicode.Scalar(byte)))\(String(repeating: "X", count: width)) escape")
            }
            if width == 8 { throw broken("illegal Unicode character") }
        }
        if byte == UInt8(ascii: "N") {
            guard position < source.count, source[position] == UInt8(ascii: "{"),
                let end = source[position...].prefix(128).firstIndex(of: UInt8(ascii: "}"))
            else {
                throw broken("malformed \\N character escape")
            }
            guard let scalar = CharacterNames.scalar(String(decoding: source[(position + 1)..<end], as: UTF8.self)) else {
                throw broken("unknown Unicode character name")
            }
            position = end + 1
            content += Array(String(Character(scalar)).utf8)
            return
        }
        if (0x30...0x37).contains(byte) {
            var value = UInt32(byte - 0x30)
            var count = 1
            while count < 3, position < source.count, (0x30...0x37).contains(source[position]) {
                value = value * 8 + UInt32(source[position] - 0x30)
                position += 1
                count += 1
            }
            if let scalar = Unicode.Scalar(value) { content += Array(String(Character(scalar)).utf8) }
            return
        }
        content += [UInt8(ascii: "\\"), byte]
    }
}
