/// A decimal number as its digits: exact, as JSON writes it.
struct Decimal: Sendable, Hashable {
    var isNegative: Bool
    /// Digits before the point without zeros in front; of a number below 1 one zero.
    var whole: [UInt8]
    /// Digits behind the point without zeros at the end.
    var fraction: [UInt8]

    /// - Parameter text: a number of JSON.
    /// - Returns: nil where it has more digits than anybody means.
    init?(_ text: String) {
        var rest = Substring(text)
        isNegative = rest.first == "-"
        if isNegative { rest = rest.dropFirst() }
        let parts = rest.lowercased().split(separator: "e", omittingEmptySubsequences: false)
        guard parts.count <= 2, let mantissa = parts.first else { return nil }
        var exponent = 0
        if parts.count == 2 {
            guard let number = Int(parts[1].hasPrefix("+") ? parts[1].dropFirst() : parts[1]), abs(number) <= 400 else { return nil }
            exponent = number
        }
        let halves = mantissa.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        func digits(_ text: Substring) -> [UInt8]? {
            let values = text.utf8.map { $0 &- 0x30 }
            return values.allSatisfy { $0 <= 9 } && values.count <= 400 ? values : nil
        }
        guard var before = digits(halves[0]), !before.isEmpty, var after = halves.count == 2 ? digits(halves[1]) : [] else { return nil }
        while exponent > 0 {
            before.append(after.isEmpty ? 0 : after.removeFirst())
            exponent -= 1
        }
        while exponent < 0 {
            after.insert(before.popLast() ?? 0, at: 0)
            exponent += 1
        }
        whole = Array(before.drop { $0 == 0 })
        if whole.isEmpty { whole = [0] }
        while after.last == 0 { after.removeLast() }
        fraction = after
    }

    init(isNegative: Bool, whole: [UInt8], fraction: [UInt8] = []) {
        (self.isNegative, self.whole, self.fraction) = (isNegative, whole, fraction)
    }

    static let zero = Decimal(isNegative: false, whole: [0])

    var isZero: Bool { whole == [0] && fraction.isEmpty }

    var magnitude: Decimal { Decimal(isNegative: false, whole: whole, fraction: fraction) }

    /// Whether the number is below another.
    func isLess(than other: Decimal) -> Bool {
        if isZero, other.isZero { return false }
        if isNegative != other.isNegative { return isNegative && !(isZero && other.isZero) }
        let (a, b) = isNegative ? (other, self) : (self, other)
        if a.whole.count != b.whole.count { return a.whole.count < b.whole.count }
        if a.whole != b.whole { return a.whole.lexicographicallyPrecedes(b.whole) }
        return a.fraction.lexicographicallyPrecedes(b.fraction)
    }

    /// The next whole number in a direction; the number itself where it is whole, unless it is left
    /// out.
    func rounded(up: Bool, excludes: Bool) -> Decimal {
        let isWhole = fraction.isEmpty
        // Away from zero is up for what is positive.
        let grows = up != isNegative
        var result = Decimal(isNegative: isNegative, whole: whole)
        if isWhole, !excludes { return result }
        if grows {
            result.whole = Self.plusOne(whole)
        } else if isWhole {
            if isZero { return Decimal(isNegative: !up, whole: [1]) }
            result.whole = Self.minusOne(whole)
        }
        if result.isZero { result.isNegative = false }
        return result
    }

    private static func plusOne(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for place in digits.indices.reversed() {
            if digits[place] < 9 {
                digits[place] += 1
                return digits
            }
            digits[place] = 0
        }
        return [1] + digits
    }

    private static func minusOne(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for place in digits.indices.reversed() {
            if digits[place] > 0 {
                digits[place] -= 1
                break
            }
            digits[place] = 9
        }
        let trimmed = Array(digits.drop { $0 == 0 })
        return trimmed.isEmpty ? [0] : trimmed
    }
}
