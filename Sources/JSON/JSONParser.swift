/// A strict reader of RFC 8259 JSON for text that is not trusted.
///
/// Duplicate keys, lone surrogates, invalid UTF-8, NaN and Infinity, numbers beyond Double,
/// trailing text and deep nesting are errors. A byte-order mark at the beginning is not part of
/// JSON: callers that accept one skip it first.
package struct JSONParser {
    /// How deep arrays and objects may be nested.
    package var depthLimit = 64

    package init(depthLimit: Int = 64) {
        self.depthLimit = depthLimit
    }

    /// Reads the one value that `bytes` holds. Offsets in nodes and errors count from the beginning
    /// of `bytes`.
    package func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSONNode {
        var reader = JSONReader(bytes: bytes, depthLimit: depthLimit)
        return try reader.document()
    }

    package func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONNode {
        try bytes.withBytes { buffer throws(JSONError) in try parse(buffer) }
    }

    package func parse(_ text: String) throws(JSONError) -> JSONNode { try parse(Array(text.utf8)) }
}

private struct JSONReader {
    let bytes: UnsafeBufferPointer<UInt8>
    let depthLimit: Int
    var position = 0

    init(bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    mutating func document() throws(JSONError) -> JSONNode {
        let node = try value(depth: 0)
        skipWhitespace()
        if position < bytes.count { throw failure(.trailingContent) }
        return node
    }

    private func failure(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
        JSONError(reason: reason, offset: offset ?? position)
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONNode {
        skipWhitespace()
        guard position < bytes.count else { throw failure(.unexpectedEnd) }
        let start = position
        switch bytes[position] {
        case UInt8(ascii: "{"): return JSONNode(.object(try object(depth: depth + 1)), offset: start)
        case UInt8(ascii: "["): return JSONNode(.array(try array(depth: depth + 1)), offset: start)
        case UInt8(ascii: "\""): return JSONNode(.string(try string()), offset: start)
        case UInt8(ascii: "t"):
            try word("true")
            return JSONNode(.bool(true), offset: start)
        case UInt8(ascii: "f"):
            try word("false")
            return JSONNode(.bool(false), offset: start)
        case UInt8(ascii: "n"):
            try word("null")
            return JSONNode(.null, offset: start)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return JSONNode(try number(), offset: start)
        default: throw failure(.unexpectedCharacter(bytes[position], expected: "a value"))
        }
    }

    private mutating func word(_ text: StaticString) throws(JSONError) {
        let start = position
        for index in 0..<text.utf8CodeUnitCount {
            guard position < bytes.count else { throw failure(.unexpectedEnd) }
            guard bytes[position] == text.utf8Start[index] else {
                throw failure(.unexpectedCharacter(bytes[start], expected: "a value"), at: start)
            }
            position += 1
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONNode] {
        if depth > depthLimit { throw failure(.tooDeep(limit: depthLimit)) }
        position += 1
        var elements: [JSONNode] = []
        skipWhitespace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth))
            skipWhitespace()
            guard position < bytes.count else { throw failure(.unexpectedEnd) }
            switch bytes[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return elements
            default: throw failure(.unexpectedCharacter(bytes[position], expected: "',' or ']'"))
            }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> [JSONMember] {
        if depth > depthLimit { throw failure(.tooDeep(limit: depthLimit)) }
        position += 1
        var members: [JSONMember] = []
        // Few keys are compared one by one; a set is built only for large objects such as
        // vocabularies.
        var seen: Set<String> = []
        skipWhitespace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
            position += 1
            return members
        }
        while true {
            skipWhitespace()
            guard position < bytes.count else { throw failure(.unexpectedEnd) }
            guard bytes[position] == UInt8(ascii: "\"") else {
                throw failure(.unexpectedCharacter(bytes[position], expected: "a key in quotation marks"))
            }
            let keyOffset = position
            let key = try string()
            let isRepeated: Bool
            if members.count < 16 {
                isRepeated = members.contains { $0.key.utf8.elementsEqual(key.utf8) }
            } else {
                if members.count == 16 { seen = Set(members.map(\.key)) }
                isRepeated = !seen.insert(key).inserted && members.contains { $0.key.utf8.elementsEqual(key.utf8) }
            }
            if isRepeated { throw failure(.duplicateKey(key), at: keyOffset) }
            skipWhitespace()
            guard position < bytes.count else { throw failure(.unexpectedEnd) }
            guard bytes[position] == UInt8(ascii: ":") else { throw failure(.unexpectedCharacter(bytes[position], expected: "':'")) }
            position += 1
            members.append(JSONMember(key, try value(depth: depth), keyOffset: keyOffset))
            skipWhitespace()
            guard position < bytes.count else { throw failure(.unexpectedEnd) }
            switch bytes[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return members
            default: throw failure(.unexpectedCharacter(bytes[position], expected: "',' or '}'"))
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        var isWhole = true
        func digit(_ index: Int) -> Bool { index < bytes.count && bytes[index] >= 0x30 && bytes[index] <= 0x39 }
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard digit(position) else { throw failure(.invalidNumber, at: start) }
        if bytes[position] == UInt8(ascii: "0") {
            position += 1
            if digit(position) { throw failure(.invalidNumber, at: start) }
        } else {
            while digit(position) { position += 1 }
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            guard digit(position) else { throw failure(.invalidNumber, at: start) }
            while digit(position) { position += 1 }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
            guard digit(position) else { throw failure(.invalidNumber, at: start) }
            while digit(position) { position += 1 }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let number = Int(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else { throw failure(.numberOutOfRange, at: start) }
        return isWhole ? .bigInteger(text) : .double(number)
    }

    /// Reads a string whose opening quotation mark is at `position`.
    private mutating func string() throws(JSONError) -> String {
        let opening = position
        position += 1
        let start = position
        // The common case, no escape: one validation and one copy.
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try validated(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { break }
            if byte < 0x20 { throw failure(.controlCharacterInString) }
            position += 1
        }
        var content = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return try content.withBytes { buffer throws(JSONError) in try validated(buffer, at: opening) }
            }
            if byte < 0x20 { throw failure(.controlCharacterInString) }
            position += 1
            if byte == UInt8(ascii: "\\") { try escape(into: &content) } else { content.append(byte) }
        }
        throw failure(.unexpectedEnd)
    }

    private func validated(_ buffer: UnsafeBufferPointer<UInt8>, at offset: Int) throws(JSONError) -> String {
        guard let text = String(validating: buffer, as: UTF8.self) else { throw failure(.invalidUTF8, at: offset) }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        let start = position - 1
        guard position < bytes.count else { throw failure(.unexpectedEnd) }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(start)
            if (0xDC00...0xDFFF).contains(code) { throw failure(.loneSurrogate, at: start) }
            if (0xD800...0xDBFF).contains(code) {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u") else {
                    throw failure(.loneSurrogate, at: start)
                }
                position += 2
                let low = try hexadecimal(start)
                guard (0xDC00...0xDFFF).contains(low) else { throw failure(.loneSurrogate, at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure(.invalidEscape, at: start) }
            content.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        default: throw failure(.invalidEscape, at: start)
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure(.unexpectedEnd) }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw failure(.invalidEscape, at: start)
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
