/// Why a text is not the JSON that was asked for.
package struct JSONError: Error, Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        case unexpectedEnd
        case unexpectedCharacter(UInt8, expected: String)
        case invalidNumber
        case numberOutOfRange
        case invalidEscape
        case loneSurrogate
        case controlCharacterInString
        case invalidUTF8
        case duplicateKey(String)
        case tooDeep(limit: Int)
        case trailingContent
    }
    package var reason: Reason
    /// Byte offset of the fault in the text.
    package var offset: Int
}

extension JSONError: CustomStringConvertible {
    package var description: String {
        switch reason {
        case .unexpectedEnd: "the JSON text ends too early"
        case .unexpectedCharacter(let byte, let expected): "found \(Self.name(of: byte)) where \(expected) was expected"
        case .invalidNumber: "not a valid JSON number"
        case .numberOutOfRange: "the number is too large"
        case .invalidEscape: "invalid escape sequence in a string"
        case .loneSurrogate: "a \\u escape is half of a surrogate pair"
        case .controlCharacterInString: "a control character stands unescaped in a string"
        case .invalidUTF8: "the text is not valid UTF-8"
        case .duplicateKey(let key): "the key \"\(key)\" occurs twice in one object"
        case .tooDeep(let limit): "nested more than \(limit) levels deep"
        case .trailingContent: "there is more text after the JSON value"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x21...0x7E: "'\(Character(Unicode.Scalar(byte)))'"
        case UInt8(ascii: "\n"): "the end of the line"
        default: "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
