/// An address of a web server's, `http` or `https`: as much of RFC 3986 as downloads need.
package struct WebAddress: Sendable, Hashable, CustomStringConvertible {
    /// Who answers: a token that was meant for one origin is not for another.
    package struct Origin: Sendable, Hashable {
        package let scheme: String
        package let host: String
        package let port: Int

        /// Whether what is sent can be read on the way: plain HTTP to another machine.
        package var isOpenToOthers: Bool {
            scheme == "http" && !(host == "localhost" || host.hasPrefix("127.") || host == "[::1]")
        }
    }

    package let origin: Origin
    /// As it was written: `host`, `host:8080`.
    private let authority: String
    /// From its first `/` on, with the query.
    package let path: String

    /// - Returns: nil where the text is no such address. Names before an `@`, spaces, control
    ///   characters and letters beyond ASCII are refused: they make an address look like another.
    package init?(_ text: String) {
        guard text.utf8.count <= 8192,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") })
        else { return nil }
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let scheme = text[..<colon].lowercased()
        guard scheme == "http" || scheme == "https", text[colon...].hasPrefix("://") else { return nil }
        let rest = text[text.index(colon, offsetBy: 3)...].prefix { $0 != "#" }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<end])
        guard let place = Self.hostAndPort(authority, scheme) else { return nil }
        origin = Origin(scheme: scheme, host: place.host, port: place.port)
        self.authority = authority
        let path = String(rest[end...])
        self.path = path.hasPrefix("/") ? path : "/" + path
    }

    private static func hostAndPort(_ authority: String, _ scheme: String) -> (host: String, port: Int)? {
        var host = authority[...]
        var port = scheme == "https" ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            (host, port) = (authority[..<colon], number)
        }
        let name = host.lowercased()
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { letter in
                (0x30...0x39).contains(letter) || (0x61...0x7A).contains(letter) || [0x2D, 0x2E, 0x5F].contains(letter)
            }
        let isBracketed =
            name.hasPrefix("[") && name.hasSuffix("]")
            && name.dropFirst().dropLast().utf8.allSatisfy { (0x30...0x3A).contains($0) || (0x61...0x66).contains($0) || $0 == 0x2E }
        return isName || isBracketed ? (name, port) : nil
    }

    package var description: String { "\(origin.scheme)://\(authority)\(path)" }

    /// The address to which a server sends on, which may leave out what is the same; nil where it
    /// is none.
    package func following(_ location: String) -> WebAddress? {
        if location.hasPrefix("//") { return WebAddress("\(origin.scheme):\(location)") }
        if location.hasPrefix("/") { return WebAddress("\(origin.scheme)://\(authority)\(location)") }
        if location.contains("://") { return WebAddress(location) }
        let folder = path.prefix { $0 != "?" }.reversed().drop { $0 != "/" }.reversed()
        return WebAddress("\(origin.scheme)://\(authority)\(String(folder))\(location)")
    }

    /// The address below this one.
    /// - Parameters:
    ///   - path: in plain text.
    ///   - isWord: whether its slashes are part of a name, and not between names.
    package func appending(_ path: String, isWord: Bool = false) -> WebAddress? {
        let base = String(self.path.reversed().drop { $0 == "/" }.reversed())
        return WebAddress("\(origin.scheme)://\(authority)\(base)/" + Self.escaped(path, isWord))
    }

    /// With everything but letters, digits and `-._~/` as `%` and two digits.
    private static func escaped(_ text: String, _ isWord: Bool) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.map { byte -> String in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte) || byte == 0x2F && !isWord
            return isPlain ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }
}
