/// Where a byte stands in a letter of UTF-8, of those that JSON shows in a string as they are: not
/// quotes, backslashes and control characters, which have escapes.
enum LetterPlace: UInt8, Sendable, CaseIterable {
    /// Between two letters.
    case start
    /// Within one, by how many more bytes follow.
    case one, two, three
    /// Behind bytes that not every byte may follow: overlong forms, surrogates, what is beyond
    /// Unicode.
    case behindE0, behindED, behindF0, behindF4
    /// In no such letter.
    case none

    func next(_ byte: UInt8) -> LetterPlace {
        switch self {
        case .start:
            switch byte {
            case 0x22, 0x5C: .none
            case 0x20...0x7E: .start
            case 0xC2...0xDF: .one
            case 0xE0: .behindE0
            case 0xED: .behindED
            case 0xE1...0xEF: .two
            case 0xF0: .behindF0
            case 0xF1...0xF3: .three
            case 0xF4: .behindF4
            default: .none
            }
        case .one: (0x80...0xBF).contains(byte) ? .start : .none
        case .two: (0x80...0xBF).contains(byte) ? .one : .none
        case .three: (0x80...0xBF).contains(byte) ? .two : .none
        case .behindE0: (0xA0...0xBF).contains(byte) ? .one : .none
        case .behindED: (0x80...0x9F).contains(byte) ? .one : .none
        case .behindF0: (0x90...0xBF).contains(byte) ? .two : .none
        case .behindF4: (0x80...0x8F).contains(byte) ? .two : .none
        case .none: .none
        }
    }

    /// The bytes that may follow, and where each leads.
    var bytes: [(byte: UInt8, next: LetterPlace)] { Self.all[Int(rawValue)] }

    private static let all: [[(byte: UInt8, next: LetterPlace)]] = allCases.map { place in
        (0...UInt8.max).map { ($0, place.next($0)) }.filter { $0.1 != .none }
    }
}
