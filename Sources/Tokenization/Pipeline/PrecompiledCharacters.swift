/// Sentencepiece's compiled table of replacements (`Precompiled`): a double-array trie (Aoe 1989)
/// of byte sequences and the texts that stand in their place.
struct PrecompiledCharacters: Sendable {
    private let units: [UInt32]
    private let texts: [UInt8]

    /// - Parameter bytes: size of the trie in bytes, the trie's units, then the texts, each closed
    ///   by a zero byte; all little-endian. Nil where that is not so.
    init?(_ bytes: [UInt8]) {
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count >= 4 else { return nil }
        let size = Int(word(0))
        guard size % 4 == 0, size > 0, size <= bytes.count - 4 else { return nil }
        units = stride(from: 4, to: 4 + size, by: 4).map(word)
        texts = Array(bytes[(4 + size)...])
        guard String(validating: texts, as: UTF8.self) != nil else { return nil }
    }

    /// The text for the shortest known beginning of these bytes, as the reference library takes it.
    private func replacement(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var position = 0
        var unit = units[0]
        position ^= offset(unit)
        for byte in bytes {
            if byte == 0 { break }
            position ^= Int(byte)
            guard position < units.count else { return nil }
            unit = units[position]
            guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
            position ^= offset(unit)
            guard unit >> 8 & 1 == 1 else { continue }
            guard position < units.count else { return nil }
            let place = Int(units[position] & 0x7FFF_FFFF)
            guard place <= texts.count else { return nil }
            return texts[place...].prefix { $0 != 0 }
        }
        return nil
    }

    private func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }

    func apply(_ text: AlignedText) -> AlignedText {
        var builder = AlignedTextBuilder(text)
        // The table is asked for whole characters as readers see them, if they are short, and then
        // for their scalars.
        var position = 0
        for character in text.string {
            let count = character.utf8.count
            let range = position..<(position + count)
            position += count
            if count < 6, let whole = replacement(text.bytes[range]) {
                builder.insert(whole, for: range)
                continue
            }
            var start = range.lowerBound
            for scalar in character.unicodeScalars {
                let end = start + UTF8.width(scalar)
                if let part = replacement(text.bytes[start..<end]) {
                    builder.insert(part, for: start..<end)
                } else {
                    builder.copy(start..<end)
                }
                start = end
            }
        }
        return builder.result
    }
}
