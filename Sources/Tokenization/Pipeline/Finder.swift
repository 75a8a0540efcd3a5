/// What a Replace or Split looks for: a fixed string or an expression.
enum Finder: Sendable {
    case string([UInt8])
    case pattern(Pattern)

    func find(in text: AlignedText) -> [Range<Int>] {
        text.bytes.withUnsafeBufferPointer { bytes in
            var found: [Range<Int>] = []
            search(bytes) { find in find(0..<bytes.count, &found) }
            return found
        }
    }

    /// Gives `body` a function that finds the matches inside a range of the bytes; it looks at
    /// nothing outside.
    func search(_ bytes: UnsafeBufferPointer<UInt8>, _ body: ((Range<Int>, inout [Range<Int>]) -> Void) -> Void) {
        switch self {
        case .pattern(let pattern):
            var matcher = PatternMatcher(pattern.program, bytes)
            body { range, found in matcher.matches(in: range, into: &found) }
        case .string(let wanted):
            body { range, found in
                guard let first = wanted.first, range.count >= wanted.count else { return }
                var position = range.lowerBound
                let last = range.upperBound - wanted.count
                while position <= last {
                    if bytes[position] == first, wanted.count == 1 || bytes[position..<(position + wanted.count)].elementsEqual(wanted) {
                        found.append(position..<(position + wanted.count))
                        position += wanted.count
                    } else {
                        position += 1
                    }
                }
            }
        }
    }
}
