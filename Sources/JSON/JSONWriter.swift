/// Writes JSON: compact on one line, or indented by two spaces.
package struct JSONWriter: Sendable {
    package var isIndented: Bool

    package init(isIndented: Bool = false) {
        self.isIndented = isIndented
    }

    package func string(_ node: JSONNode) -> String { String(decoding: bytes(node), as: UTF8.self) }

    package func bytes(_ node: JSONNode) -> [UInt8] {
        var output: [UInt8] = []
        write(node, indentation: 0, to: &output)
        return output
    }

    private func write(_ node: JSONNode, indentation: Int, to output: inout [UInt8]) {
        switch node.value {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): output.append(contentsOf: String(number).utf8)
        // JSON has no word for NaN and infinity; null is what strict readers can take.
        case .bigInteger(let digits): output.append(contentsOf: digits.utf8)
        case .double(let number): output.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            sequence("[", "]", elements.count, indentation, &output) { index, output in
                write(elements[index], indentation: indentation + 1, to: &output)
            }
        case .object(let members):
            sequence("{", "}", members.count, indentation, &output) { index, output in
                Self.write(members[index].key, to: &output)
                output.append(contentsOf: (isIndented ? ": " : ":").utf8)
                write(members[index].node, indentation: indentation + 1, to: &output)
            }
        }
    }

    private func sequence(
        _ opening: String, _ closing: String, _ count: Int, _ indentation: Int, _ output: inout [UInt8],
        element: (Int, inout [UInt8]) -> Void
    ) {
        output.append(contentsOf: opening.utf8)
        for index in 0..<count {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            newLine(indentation + 1, &output)
            element(index, &output)
        }
        if count > 0 { newLine(indentation, &output) }
        output.append(contentsOf: closing.utf8)
    }

    private func newLine(_ indentation: Int, _ output: inout [UInt8]) {
        guard isIndented else { return }
        output.append(UInt8(ascii: "\n"))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indentation))
    }

    private static let hexadecimalDigits = Array("0123456789abcdef".utf8)

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
            case 0x0A: output.append(contentsOf: "\\n".utf8)
            case 0x0D: output.append(contentsOf: "\\r".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F:
                output.append(contentsOf: "\\u00".utf8)
                output.append(hexadecimalDigits[Int(byte >> 4)])
                output.append(hexadecimalDigits[Int(byte & 15)])
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
