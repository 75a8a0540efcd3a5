/// Text of a user's data as a terminal may show it: control characters, which could move its cursor
/// or change its title, as the pictures that Unicode has of them.
func plain(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0x0A, 0x09: result.append(scalar)
        case 0..<0x20: result.append(Unicode.Scalar(0x2400 + scalar.value) ?? "?")
        case 0x7F: result.append("\u{2421}")
        case 0x80...0x9F: result.append("\u{FFFD}")
        default: result.append(scalar)
        }
    }
    return String(result)
}
