/// Numbers within bounds, digit by digit: a number is compared with both bounds while it is
/// written.
extension SchemaCompiler {
    /// Digits of a whole number, and before and behind the point of another: what 64 bits hold.
    private static let wholeDigits = 18
    private static let digits = 15

    mutating func number(_ range: Schema.NumberRange, _ next: Int32) throws(ConstraintError) -> Int32 {
        guard range.least != nil || range.most != nil else { return try free(isWhole: range.isWhole, next) }
        var (least, most) = (range.least, range.most)
        var (excludesLeast, excludesMost) = (range.excludesLeast, range.excludesMost)
        if range.isWhole {
            least = least.map { $0.rounded(up: true, excludes: excludesLeast) }
            most = most.map { $0.rounded(up: false, excludes: excludesMost) }
            (excludesLeast, excludesMost) = (false, false)
        }
        var choices: [Int32] = []
        let zero = Decimal.zero
        if most.map({ !$0.isNegative || $0.isZero }) ?? true {
            let low = least.flatMap { $0.isNegative && !$0.isZero ? nil : $0 }
            let bounds = NumberBounds(
                low: low ?? zero, excludesLow: low != nil && excludesLeast, high: most, excludesHigh: excludesMost, isWhole: range.isWhole)
            if let node = try magnitude(bounds, next) { choices.append(node) }
        }
        if least.map({ $0.isNegative && !$0.isZero }) ?? true {
            // Minus zero is no number that anybody means.
            let high = most.flatMap { $0.isNegative && !$0.isZero ? $0.magnitude : nil }
            let bounds = NumberBounds(
                low: high ?? zero, excludesLow: high == nil || excludesMost, high: least?.magnitude, excludesHigh: excludesLeast,
                isWhole: range.isWhole)
            if let node = try magnitude(bounds, next) { choices.append(try builder.add(.range(0x2D, 0x2D, next: node))) }
        }
        guard !choices.isEmpty else { throw ConstraintError(builder.path, "has bounds of a number between which there is none") }
        return try builder.choice(choices)
    }

    private mutating func free(isWhole: Bool, _ next: Int32) throws(ConstraintError) -> Int32 {
        var tail = next
        if !isWhole {
            let exponent = try builder.digits(1, 2, next)
            let signed = try builder.choice([
                exponent, try builder.add(.range(0x2B, 0x2B, next: exponent)), try builder.add(.range(0x2D, 0x2D, next: exponent)),
            ])
            let scaled = try builder.choice([next, try builder.add(.range(0x65, 0x65, next: signed))])
            tail = try builder.choice([scaled, try builder.add(.range(0x2E, 0x2E, next: try builder.digits(1, Self.digits, scaled)))])
        }
        let count = isWhole ? Self.wholeDigits : Self.digits
        let long = try builder.add(.range(0x31, 0x39, next: try builder.digits(0, count - 1, tail)))
        let whole = try builder.choice([long, try builder.add(.range(0x30, 0x30, next: tail))])
        return try builder.choice([whole, try builder.add(.range(0x2D, 0x2D, next: whole))])
    }

    struct NumberBounds {
        var low: Decimal
        var excludesLow: Bool
        var high: Decimal?
        var excludesHigh: Bool
        var isWhole: Bool
    }

    /// Numbers from zero on within bounds; nil where there is none.
    private mutating func magnitude(_ bounds: NumberBounds, _ next: Int32) throws(ConstraintError) -> Int32? {
        let limit = bounds.isWhole ? Self.wholeDigits : Self.digits
        var known: [NumberPlace: Int32?] = [:]
        var choices: [Int32] = []
        for length in stride(from: bounds.low.whole.count, through: min(limit, bounds.high?.whole.count ?? limit), by: 1) {
            let place = NumberPlace(
                length: length, place: 0, isLow: length == bounds.low.whole.count,
                isHigh: bounds.high.map { length == $0.whole.count } ?? false)
            if let node = try digits(place, bounds, next, &known) { choices.append(node) }
        }
        return choices.isEmpty ? nil : try builder.choice(choices)
    }

    private struct NumberPlace: Hashable {
        /// Digits before the point.
        var length: Int
        /// Digits that are written; those behind the point count on.
        var place: Int
        /// Whether they are those of the lower bound, of the higher one.
        var isLow: Bool
        var isHigh: Bool
    }

    private mutating func digits(
        _ place: NumberPlace, _ bounds: NumberBounds, _ next: Int32, _ known: inout [NumberPlace: Int32?]
    ) throws(ConstraintError) -> Int32? {
        if let node = known[place] { return node }
        let index = place.place
        let behind = index - place.length
        var choices: [Int32] = []
        func digit(_ number: Decimal) -> UInt8 {
            behind < 0 ? number.whole[index] : behind < number.fraction.count ? number.fraction[behind] : 0
        }
        if behind >= 0 {
            // What is left out is zeros.
            let isEnough = !place.isLow || (behind >= bounds.low.fraction.count && !bounds.excludesLow)
            let isBelow = !place.isHigh || !bounds.excludesHigh || behind < bounds.high?.fraction.count ?? 0
            if isEnough, isBelow { choices.append(next) }
        }
        if behind < (bounds.isWhole ? 0 : Self.digits) {
            let least = place.isLow ? digit(bounds.low) : 0
            let most = place.isHigh ? bounds.high.map(digit) ?? 9 : 9
            let first = behind < 0 && index == 0 && place.length > 1 ? max(1, least) : least
            var nodes: [Int32] = []
            for value in stride(from: Int(first), through: Int(most), by: 1) {
                let (isLow, isHigh) = (place.isLow && value == least, place.isHigh && value == most)
                // Digits between the bounds go on alike.
                if !isLow, !isHigh, value > Int(first), !(place.isLow && value - 1 == least) { continue }
                let further = NumberPlace(length: place.length, place: index + 1, isLow: isLow, isHigh: isHigh)
                guard let node = try digits(further, bounds, next, &known) else { continue }
                let last = isLow || isHigh ? value : Int(most) - (place.isHigh ? 1 : 0)
                nodes.append(try builder.add(.range(UInt8(0x30 + value), UInt8(0x30 + max(value, last)), next: node)))
            }
            if !nodes.isEmpty {
                let all = try builder.choice(nodes)
                choices.append(behind == 0 ? try builder.add(.range(0x2E, 0x2E, next: all)) : all)
            }
        }
        let node: Int32? = choices.isEmpty ? nil : try builder.choice(choices)
        known[place] = .some(node)
        return node
    }
}
