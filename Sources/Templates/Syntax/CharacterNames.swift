/// Characters by their names in the Unicode standard, as `\N{...}` in a text names them.
enum CharacterNames {
    /// Names (and the corrected and abbreviated ones) in capital letters; made when a template
    /// first asks.
    private static let table: [String: Unicode.Scalar] = {
        var table: [String: Unicode.Scalar] = [:]
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if let alias = scalar.properties.nameAlias { table[alias] = scalar }
            if let name = scalar.properties.name { table[name] = scalar }
        }
        return table
    }()

    static func scalar(_ name: String) -> Unicode.Scalar? { table[name.uppercased()] }
}
