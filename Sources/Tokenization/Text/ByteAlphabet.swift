/// GPT-2's way to write bytes as visible characters: printable Latin-1 stands for itself, the other bytes for U+0100 and following.
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
    static let byteOfScalar: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: scalarOfByte.enumerated().map { ($1, UInt8($0)) })

    /// Each byte of the text's UTF-8 as one character; bytes of one scalar share its place.
    static func encoded(_ text: AlignedText) -> AlignedText {
        var result = AlignedText()
        result.scalars.reserveCapacity(text.count)
        for index in 0..<text.count {
            let scalar = text.scalars[index]
            if scalar.isASCII {
                result.append(scalarOfByte[Int(scalar.value)], text.starts[index], text.ends[index])
            } else {
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                    result.append(scalarOfByte[Int(byte)], text.starts[index], text.ends[index])
                }
            }
        }
        return result
    }
}
