/// A regular expression of ECMA-262, as far as JSON Schema needs it: no references back, no looking
/// ahead or behind.
indirect enum Pattern: Sendable, Hashable {
    case empty
    /// One character out of ranges of scalars.
    case character([ClosedRange<UInt32>])
    case sequence([Pattern])
    case anyOf([Pattern])
    case repeated(Pattern, least: Int, most: Int?)

    static let anyCharacter = Pattern.character([0...0xD7FF, 0xE000...0x10FFFF])
    static let anyText = Pattern.repeated(anyCharacter, least: 0, most: nil)
}
