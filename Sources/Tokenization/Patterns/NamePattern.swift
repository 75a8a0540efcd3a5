/// A regular expression that a name matches from its beginning to its end, as Python's
/// `re.fullmatch` has it.
package struct NamePattern: Sendable {
    private let pattern: Pattern

    /// Nil if the expression is not understood.
    package init?(_ expression: String) {
        guard expression.utf8.count <= 1 << 16, let pattern = try? Pattern("\\A(?:" + expression + ")\\z") else { return nil }
        self.pattern = pattern
    }

    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { bytes in
            var found: [Range<Int>] = []
            var matcher = PatternMatcher(pattern.program, bytes)
            matcher.matches(in: 0..<bytes.count, into: &found)
            return found.contains(0..<bytes.count)
        }
    }
}
