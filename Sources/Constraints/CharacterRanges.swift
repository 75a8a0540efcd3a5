/// Sets of scalars as ranges.
enum CharacterRanges {
    static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    static let spaces: [ClosedRange<UInt32>] = [
        9...13, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F, 0x205F...0x205F,
        0x3000...0x3000, 0xFEFF...0xFEFF,
    ]

    /// In order, without overlaps or surrogates.
    static func joined(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result.flatMap { range -> [ClosedRange<UInt32>] in
            let valid: [ClosedRange<UInt32>] = [0...0xD7FF, 0xE000...0x10FFFF]
            return valid.filter { $0.overlaps(range) }.map { $0.clamped(to: range) }
        }
    }

    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var (result, first): ([ClosedRange<UInt32>], UInt32) = ([], 0)
        for range in joined(ranges) {
            if range.lowerBound > first { result.append(first...range.lowerBound - 1) }
            first = range.upperBound + 1
        }
        if first <= 0x10FFFF { result.append(first...0x10FFFF) }
        return joined(result)
    }

    /// Ranges that end and begin at the surrogates as one, where what lies around them is whole:
    /// surrogates are left out where characters become bytes.
    static func acrossSurrogates(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        guard ranges.contains(0xE000...0x10FFFF), ranges.contains(where: { $0.lowerBound <= 0x80 && $0.upperBound == 0xD7FF }) else {
            return ranges
        }
        return ranges.compactMap { range in
            if range == 0xE000...0x10FFFF { return nil }
            return range.upperBound == 0xD7FF ? range.lowerBound...0x10FFFF : range
        }
    }
}
