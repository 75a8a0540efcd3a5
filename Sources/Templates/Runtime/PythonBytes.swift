/// Python's `bytes`: what `str.encode` gives. Templates count, index, print and decode it.
enum PythonBytes {
    private enum Encoding { case utf8, ascii, latin1 }

    /// `str.encode(encoding, errors)`.
    static func encoded(_ text: String, _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> TemplateValue {
        let encoding = try encoding(arguments, interpreter)
        try interpreter.requireText(text.utf8.count)
        guard encoding != .utf8 else { return .bytes(Array(text.utf8)) }
        let errors = try errors(arguments, interpreter)
        let (limit, name): (UInt32, String) = encoding == .ascii ? (128, "ascii") : (256, "latin-1")
        var bytes: [UInt8] = []
        for (place, scalar) in text.unicodeScalars.enumerated() {
            if scalar.value < limit {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else if errors == "replace" {
                bytes.append(UInt8(ascii: "?"))
            } else if errors == "strict" {
                let shown = PythonText.quoted(String(scalar))
                throw interpreter.failure(
                    "UnicodeEncodeError",
                    "'\(name)' codec can't encode character \(shown) in position \(place): ordinal not in range(\(limit))")
            }
        }
        return .bytes(bytes)
    }

    static func method(_ name: String, of bytes: [UInt8]) -> TemplateValue? {
        switch name {
        case "decode":
            bound(name, Signature(["encoding", "errors"])) { interpreter, arguments throws(TemplateError) in
                .string(try decoded(bytes, arguments, interpreter))
            }
        case "hex":
            bound(name, Signature(positional: true)) { interpreter, _ throws(TemplateError) in
                try interpreter.requireText(2 * bytes.count)
                return .string(bytes.map(hexadecimal).joined())
            }
        default: nil
        }
    }

    private static func bound(
        _ name: String, _ signature: Signature, _ body: @escaping @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue
    ) -> TemplateValue {
        .function(
            TemplateFunction(name: name) { interpreter, arguments throws(TemplateError) in
                try signature.check(arguments, "bytes.\(name)", interpreter)
                return try body(interpreter, arguments)
            })
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0" + text : text
    }

    private static func decoded(_ bytes: [UInt8], _ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        let encoding = try encoding(arguments, interpreter)
        let errors = try errors(arguments, interpreter)
        try interpreter.requireText(2 * bytes.count)
        if encoding == .utf8, let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = String.UnicodeScalarView()
        if encoding != .utf8 {
            for (place, byte) in bytes.enumerated() {
                if encoding == .latin1 || byte < 128 {
                    text.append(Unicode.Scalar(byte))
                } else if errors == "replace" {
                    text.append("\u{FFFD}")
                } else if errors == "strict" {
                    throw interpreter.failure(
                        "UnicodeDecodeError",
                        "'ascii' codec can't decode byte 0x\(hexadecimal(byte)) in position \(place): ordinal not in range(128)")
                }
            }
            return String(text)
        }
        var place = 0
        while place < bytes.count {
            let width = Self.width(bytes[place])
            if width > 0, place + width <= bytes.count, let part = String(validating: bytes[place..<(place + width)], as: UTF8.self) {
                text.append(contentsOf: part.unicodeScalars)
                place += width
                continue
            }
            if errors == "strict" {
                let isCut = width > 1 && bytes.count - place < width && bytes[(place + 1)...].allSatisfy { $0 & 0xC0 == 0x80 }
                let reason = width == 0 ? "invalid start byte" : isCut ? "unexpected end of data" : "invalid continuation byte"
                throw interpreter.failure(
                    "UnicodeDecodeError", "'utf-8' codec can't decode byte 0x\(hexadecimal(bytes[place])) in position \(place): \(reason)")
            }
            // Of a sequence that is broken off one mark stands for all of it.
            if errors == "replace" { text.append("\u{FFFD}") }
            place += 1
            while width > 1, place < bytes.count, bytes[place] & 0xC0 == 0x80 { place += 1 }
        }
        return String(text)
    }

    /// Bytes of a character by its first byte; 0 where none begins so.
    private static func width(_ first: UInt8) -> Int {
        switch first {
        case 0..<0x80: 1
        case 0xC2..<0xE0: 2
        case 0xE0..<0xF0: 3
        case 0xF0..<0xF5: 4
        default: 0
        }
    }

    private static func encoding(_ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> Encoding {
        guard let value = arguments.value(0, "encoding") else { return .utf8 }
        guard let name = value.text else {
            throw interpreter.failure("TypeError", "encode() argument 'encoding' must be str, not \(value.typeName)")
        }
        switch String(name.lowercased().map { $0 == "_" ? "-" : $0 }) {
        case "utf-8", "utf8", "u8", "cp65001": return .utf8
        case "ascii", "us-ascii", "646": return .ascii
        case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "l1": return .latin1
        default: throw interpreter.failure("LookupError", "unknown encoding: \(name)")
        }
    }

    private static func errors(_ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) -> String {
        guard let value = arguments.value(1, "errors") else { return "strict" }
        guard let name = value.text, ["strict", "ignore", "replace"].contains(name) else {
            throw interpreter.failure("LookupError", "unknown error handler name \(PythonText.representation(value))")
        }
        return name
    }

    /// `repr(bytes)`.
    static func representation(_ bytes: [UInt8]) -> String {
        let usesDouble = bytes.contains(UInt8(ascii: "'")) && !bytes.contains(UInt8(ascii: "\""))
        let quote = UInt8(ascii: usesDouble ? "\"" : "'")
        var text = "b" + String(Unicode.Scalar(quote))
        for byte in bytes {
            switch byte {
            case quote, UInt8(ascii: "\\"): text += "\\" + String(Unicode.Scalar(byte))
            case 0x0A: text += "\\n"
            case 0x0D: text += "\\r"
            case 0x09: text += "\\t"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + hexadecimal(byte)
            }
        }
        return text + String(Unicode.Scalar(quote))
    }
}
