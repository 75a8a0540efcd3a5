/// GPT-2's way to write bytes as visible characters: printable Latin-1 stands for itself, the other
/// bytes for U+0100 and following.
enum ByteAlphabet {
    static let scalarOfByte: [Unicode.Scalar] = {
        var scalars: [Unicode.Scalar] = []
        var next: UInt32 = 256
        for byte in UInt32(0)..<256 {
            let stays = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
            scalars.append(Unicode.Scalar(stays ? byte : next) ?? " ")
            if !stays { next += 1 }
        }
        return scalars
    }()

    /// The byte of each scalar below U+0144, or -1.
    private static let byteOfScalar: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalarOfByte.enumerated() { table[Int(scalar.value)] = Int16(byte) }
        return table
    }()

    static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value < 0x144 else { return nil }
        let byte = byteOfScalar[Int(scalar.value)]
        return byte < 0 ? nil : UInt8(byte)
    }

    /// The bytes that a token's text stands for; nil if a character of it is not of the alphabet.
    static func bytes(of token: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard let byte = byte(of: scalar) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    static func text(of bytes: some Sequence<UInt8>) -> String {
        var view = String.UnicodeScalarView()
        for byte in bytes { view.append(scalarOfByte[Int(byte)]) }
        return String(view)
    }

    /// Each byte of the text as one character of the alphabet.
    /// - Parameter ranges: pieces of the text, moved to where they are afterwards.
    static func encoded(_ text: AlignedText, _ ranges: inout [Range<Int>]) -> AlignedText {
        var builder = AlignedTextBuilder(text)
        // Where each byte of the text begins afterwards.
        var moved: [Int] = []
        moved.reserveCapacity(text.count + 1)
        for (index, byte) in text.bytes.enumerated() {
            moved.append(builder.result.count)
            builder.insert(String(scalarOfByte[Int(byte)]).utf8, for: index..<(index + 1))
        }
        moved.append(builder.result.count)
        ranges = ranges.map { moved[$0.lowerBound]..<moved[$0.upperBound] }
        return builder.result
    }
}
