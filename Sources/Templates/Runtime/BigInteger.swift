/// A whole number of any size, as Python's: sign and magnitude in 32-bit limbs, the lowest first.
///
/// Schoolbook arithmetic (Knuth, The Art of Computer Programming, volume 2, section 4.3.1);
/// templates seldom go beyond 64 bits, and ``Arithmetic`` bounds how far they may.
struct BigInteger: Sendable, Hashable {
    private(set) var isNegative: Bool
    private(set) var limbs: [UInt32]

    init(_ number: Int) {
        isNegative = number < 0
        let magnitude = number.magnitude
        limbs = [UInt32(truncatingIfNeeded: magnitude), UInt32(truncatingIfNeeded: magnitude >> 32)]
        trim()
    }

    /// The whole part of a finite number.
    init?(_ number: Double) {
        guard number.isFinite else { return nil }
        let whole = number.rounded(.towardZero).magnitude
        isNegative = number < 0
        limbs = []
        if whole >= 1 {
            let shift = max(0, Int(whole.exponent) - 52)
            self = BigInteger(Int(whole / Double(sign: .plus, exponent: shift, significand: 1))).shifted(left: shift)
            isNegative = number < 0
        }
        trim()
    }

    /// Digits in a base from 2 to 36, with a sign or none.
    init?(_ text: some StringProtocol, radix: Int = 10) {
        var digits = Substring(text)
        let sign = digits.first
        if sign == "-" || sign == "+" { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        isNegative = false
        limbs = []
        // As many digits at once as fit: 36 to the fifth is below 2 to the 32nd.
        var (chunk, factor) = (UInt32(0), UInt32(1))
        for digit in digits {
            guard digit.isASCII, let value = digit.hexOrLetterValue, value < radix else { return nil }
            chunk = chunk * UInt32(radix) + UInt32(value)
            factor *= UInt32(radix)
            if factor > UInt32.max / 36 / 36 {
                multiplySmall(factor, adding: chunk)
                (chunk, factor) = (0, 1)
            }
        }
        if factor > 1 { multiplySmall(factor, adding: chunk) }
        isNegative = sign == "-"
        trim()
    }

    private init(isNegative: Bool, limbs: [UInt32]) {
        self.isNegative = isNegative
        self.limbs = limbs
        trim()
    }

    private mutating func trim() {
        while limbs.last == 0 { limbs.removeLast() }
        if limbs.isEmpty { isNegative = false }
    }

    var isZero: Bool { limbs.isEmpty }
    var bitWidth: Int { limbs.count * 32 - (limbs.last?.leadingZeroBitCount ?? 0) }
    var isOdd: Bool { (limbs.first ?? 0) & 1 == 1 }
    /// The number if 64 bits hold it.
    var small: Int? {
        guard limbs.count <= 2 else { return nil }
        let magnitude = limbs.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << UInt64(32 * $1.offset) }
        if isNegative { return magnitude <= UInt64(Int.max) + 1 ? Int(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int(exactly: magnitude)
    }
    /// The nearest number of double precision; infinite where none is.
    var double: Double { Double(description) ?? .infinity }
    var negated: BigInteger { BigInteger(isNegative: !isNegative, limbs: limbs) }
    var magnitude: BigInteger { BigInteger(isNegative: false, limbs: limbs) }

    private mutating func multiplySmall(_ factor: UInt32, adding carry: UInt32) {
        var carry = UInt64(carry)
        for index in limbs.indices {
            let product = UInt64(limbs[index]) * UInt64(factor) + carry
            limbs[index] = UInt32(truncatingIfNeeded: product)
            carry = product >> 32
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }

    private mutating func divideSmall(_ divisor: UInt32) -> UInt32 {
        var remainder = UInt64(0)
        for index in limbs.indices.reversed() {
            let value = remainder << 32 | UInt64(limbs[index])
            limbs[index] = UInt32(value / UInt64(divisor))
            remainder = value % UInt64(divisor)
        }
        trim()
        return UInt32(remainder)
    }

    private func shifted(left count: Int) -> BigInteger {
        var result = BigInteger(isNegative: isNegative, limbs: Array(repeating: 0, count: count / 32) + limbs)
        if count % 32 > 0 { result.multiplySmall(1 << UInt32(count % 32), adding: 0) }
        return result
    }

    private static func compareMagnitudes(_ a: [UInt32], _ b: [UInt32]) -> Int {
        if a.count != b.count { return a.count < b.count ? -1 : 1 }
        for index in a.indices.reversed() where a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
        return 0
    }

    private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var (result, carry) = ([UInt32](), UInt64(0))
        for index in 0..<max(a.count, b.count) {
            let value = UInt64(index < a.count ? a[index] : 0) + UInt64(index < b.count ? b[index] : 0) + carry
            result.append(UInt32(truncatingIfNeeded: value))
            carry = value >> 32
        }
        if carry > 0 { result.append(UInt32(carry)) }
        return result
    }

    /// `a - b` for `a >= b`.
    private static func difference(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var (result, borrow) = ([UInt32](), Int64(0))
        for index in a.indices {
            var value = Int64(a[index]) - Int64(index < b.count ? b[index] : 0) - borrow
            borrow = value < 0 ? 1 : 0
            if value < 0 { value += 1 << 32 }
            result.append(UInt32(value))
        }
        return result
    }

    static func + (a: BigInteger, b: BigInteger) -> BigInteger {
        if a.isNegative == b.isNegative { return BigInteger(isNegative: a.isNegative, limbs: sum(a.limbs, b.limbs)) }
        return compareMagnitudes(a.limbs, b.limbs) >= 0
            ? BigInteger(isNegative: a.isNegative, limbs: difference(a.limbs, b.limbs))
            : BigInteger(isNegative: b.isNegative, limbs: difference(b.limbs, a.limbs))
    }

    static func - (a: BigInteger, b: BigInteger) -> BigInteger { a + b.negated }

    static func * (a: BigInteger, b: BigInteger) -> BigInteger {
        var limbs = [UInt32](repeating: 0, count: a.limbs.count + b.limbs.count)
        for i in a.limbs.indices {
            var carry = UInt64(0)
            for j in b.limbs.indices {
                let value = UInt64(a.limbs[i]) * UInt64(b.limbs[j]) + UInt64(limbs[i + j]) + carry
                limbs[i + j] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            limbs[i + b.limbs.count] = UInt32(carry)
        }
        return BigInteger(isNegative: a.isNegative != b.isNegative, limbs: limbs)
    }

    /// Quotient rounded down and remainder with the divisor's sign, as Python's. The divisor must
    /// not be zero.
    func dividedDown(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
        var quotient = [UInt32](repeating: 0, count: limbs.count)
        var rest = BigInteger(0)
        for index in limbs.indices.reversed() {
            rest.limbs.insert(limbs[index], at: 0)
            rest.trim()
            // The largest digit that fits, by halving: few digits ever come here.
            var (low, high) = (UInt64(0), UInt64(UInt32.max))
            while low < high {
                let middle = (low + high + 1) / 2
                var product = divisor.magnitude
                product.multiplySmall(UInt32(middle), adding: 0)
                if Self.compareMagnitudes(product.limbs, rest.limbs) <= 0 { low = middle } else { high = middle - 1 }
            }
            quotient[index] = UInt32(low)
            var product = divisor.magnitude
            product.multiplySmall(UInt32(low), adding: 0)
            product.trim()
            rest = BigInteger(isNegative: false, limbs: Self.difference(rest.limbs, product.limbs))
        }
        var result = BigInteger(isNegative: isNegative != divisor.isNegative, limbs: quotient)
        if isNegative != divisor.isNegative, !rest.isZero {
            result = result - BigInteger(1)
            rest = divisor.magnitude - rest
        }
        return (result, divisor.isNegative ? rest.negated : rest)
    }

    static func < (a: BigInteger, b: BigInteger) -> Bool {
        if a.isNegative != b.isNegative { return a.isNegative }
        let order = compareMagnitudes(a.limbs, b.limbs)
        return a.isNegative ? order > 0 : order < 0
    }

    func text(radix: Int, uppercase: Bool = false) -> String {
        if isZero { return "0" }
        var rest = magnitude
        var parts: [String] = []
        // As many digits at once as a limb holds.
        let (chunk, width) = radix == 10 ? (UInt32(1_000_000_000), 9) : (UInt32(radix), 1)
        while !rest.isZero {
            let part = String(rest.divideSmall(chunk), radix: radix, uppercase: uppercase)
            parts.append(rest.isZero ? part : String(repeating: "0", count: width - part.utf8.count) + part)
        }
        return (isNegative ? "-" : "") + parts.reversed().joined()
    }

    var description: String { text(radix: 10) }
}

extension Character {
    /// The value of a digit or letter in a base up to 36.
    fileprivate var hexOrLetterValue: Int? {
        guard let byte = asciiValue else { return nil }
        switch byte {
        case 0x30...0x39: return Int(byte - 0x30)
        case 0x41...0x5A: return Int(byte - 0x41) + 10
        case 0x61...0x7A: return Int(byte - 0x61) + 10
        default: return nil
        }
    }
}
