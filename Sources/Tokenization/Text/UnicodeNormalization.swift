import Foundation

/// The four normalisation forms of Unicode (Standard Annex 15), which keep track of where each
/// scalar comes from.
///
/// The reference library normalises by Unicode 9; scalars that are younger stay as they are here,
/// too.
struct UnicodeNormalization: Sendable {
    let composes: Bool
    private let decompositions: [UInt32: [UInt32]]
    /// Bit 0: may join what stands before it; bit 1: changes even alone.
    private let flags: [UInt8]

    static let nfc = UnicodeNormalization(canonical, composes: true)
    static let nfd = UnicodeNormalization(canonical, composes: false)
    static let nfkc = UnicodeNormalization(compatible, composes: true)
    static let nfkd = UnicodeNormalization(compatible, composes: false)

    private static let codeLimit = 0x30000

    private init(_ decompositions: [UInt32: [UInt32]], composes: Bool) {
        self.decompositions = decompositions
        self.composes = composes
        var flags = [UInt8](repeating: 0, count: Self.codeLimit)
        for (code, parts) in decompositions {
            if Self.combiningClasses[parts.first ?? 0] != nil || Self.seconds.contains(parts.first ?? 0) { flags[Int(code)] |= 1 }
            if !composes || Self.composed(parts) != [code] { flags[Int(code)] |= 2 }
        }
        for code in Self.combiningClasses.keys where code < Self.codeLimit { flags[Int(code)] |= 1 }
        for code in Self.seconds { flags[Int(code)] |= 1 }
        for code in 0x1161...0x1175 { flags[code] |= 1 }
        for code in 0x11A8...0x11C2 { flags[code] |= 1 }
        if !composes { for code in 0xAC00...0xD7A3 { flags[code] |= 2 } }
        self.flags = flags
    }

    private struct Item {
        var code: UInt32
        var combiningClass: UInt8
        var start: Int
        var end: Int
    }

    func apply(_ text: AlignedText) -> AlignedText {
        guard text.bytes.contains(where: { $0 >= 0x80 }) else { return text }
        return text.bytes.withUnsafeBufferPointer { bytes in
            var builder: AlignedTextBuilder?
            var done = 0
            var position = 0
            while position < bytes.count {
                // One scalar, and all behind it that may join it.
                let start = position
                var isSimple = flag(bytes, position) & 2 == 0
                position += UTF8Scalars.width(bytes[position])
                while position < bytes.count, flag(bytes, position) & 1 != 0 {
                    isSimple = false
                    position += UTF8Scalars.width(bytes[position])
                }
                if isSimple { continue }
                let items = normalized(bytes, start..<position)
                var made: [UInt8] = []
                for item in items { UTF8Scalars.append(item.code, to: &made) }
                if made.elementsEqual(bytes[start..<position]) { continue }
                if builder == nil { builder = AlignedTextBuilder(text) }
                builder?.copy(done..<start)
                for item in items {
                    made.removeAll(keepingCapacity: true)
                    UTF8Scalars.append(item.code, to: &made)
                    builder?.insert(made, for: item.start..<item.end)
                }
                done = position
            }
            guard builder != nil else { return text }
            builder?.copy(done..<bytes.count)
            return builder?.result ?? text
        }
    }

    @inline(__always) private func flag(_ bytes: UnsafeBufferPointer<UInt8>, _ position: Int) -> UInt8 {
        if bytes[position] < 0x80 { return 0 }
        let code = Int(UTF8Scalars.scalar(bytes, position, bytes.count))
        return code < Self.codeLimit ? flags[code] : 0
    }

    private func normalized(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Item] {
        var items: [Item] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let code = UTF8Scalars.scalar(bytes, position, range.upperBound)
            let end = position + UTF8Scalars.width(bytes[position])
            for part in decomposed(code) {
                items.append(Item(code: part, combiningClass: Self.combiningClasses[part] ?? 0, start: position, end: end))
            }
            position = end
        }
        // Marks in the order of their combining classes, those of one class as they stand.
        var first = 0
        while first < items.count {
            guard items[first].combiningClass != 0 else {
                first += 1
                continue
            }
            var last = first
            while last < items.count, items[last].combiningClass != 0 { last += 1 }
            let ordered = items[first..<last].enumerated().sorted {
                ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
            }
            items.replaceSubrange(first..<last, with: ordered.map(\.element))
            first = last
        }
        return composes ? Self.composed(items) : items
    }

    private func decomposed(_ code: UInt32) -> [UInt32] {
        if (0xAC00...0xD7A3).contains(code) {
            let index = code - 0xAC00
            let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28]
            return index % 28 == 0 ? parts : parts + [0x11A7 + index % 28]
        }
        return decompositions[code] ?? [code]
    }

    private static func composed(_ codes: [UInt32]) -> [UInt32] {
        composed(codes.map { Item(code: $0, combiningClass: combiningClasses[$0] ?? 0, start: 0, end: 0) }).map(\.code)
    }

    private static func composed(_ items: [Item]) -> [Item] {
        var result: [Item] = []
        var starter: Int?
        for item in items {
            if let place = starter {
                let last = result[result.count - 1]
                // Blocked by a mark of the same or a higher class between it and the starter.
                let isBlocked = result.count - 1 > place && (last.combiningClass >= item.combiningClass || last.combiningClass == 0)
                if !isBlocked, let joined = composite(result[place].code, item.code) {
                    result[place].code = joined
                    result[place].start = min(result[place].start, item.start)
                    result[place].end = max(result[place].end, item.end)
                    continue
                }
            }
            result.append(item)
            if item.combiningClass == 0 { starter = result.count - 1 }
        }
        return result
    }

    private static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if (0xAC00...0xD7A3).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8...0x11C2).contains(second) {
            return first + second - 0x11A7
        }
        return compositions[UInt64(first) << 32 | UInt64(second)]
    }

    // MARK: Tables, taken once from what Foundation makes of each scalar alone

    private static let candidates: [Unicode.Scalar] = [
        0xA0...0x33FF, 0xA69C...0xABFF, 0xF900...0xFFFF, 0x10000...0x11FFF, 0x16000...0x16FFF, 0x1BC00...0x1F2FF,
        0x1FB00...0x1FBFF, 0x2F800...0x2FA1F,
    ].flatMap { (range: ClosedRange<UInt32>) in range.compactMap { Unicode.Scalar($0) } }

    private static func table(_ transform: (String) -> String) -> [UInt32: [UInt32]] {
        var result: [UInt32: [UInt32]] = [:]
        for scalar in candidates where UnicodeSets.isKnown(scalar, since: 9) {
            let parts = transform(String(scalar)).unicodeScalars.map(\.value)
            if parts != [scalar.value] { result[scalar.value] = parts }
        }
        return result
    }

    private static let canonical = table { $0.decomposedStringWithCanonicalMapping }
    private static let compatible = table { $0.decomposedStringWithCompatibilityMapping }

    private static let combiningClasses: [UInt32: UInt8] = {
        var classes: [UInt32: UInt8] = [:]
        for code in UInt32(0x300)..<0x20000 {
            guard let scalar = Unicode.Scalar(code), UnicodeSets.isKnown(scalar, since: 9) else { continue }
            let value = scalar.properties.canonicalCombiningClass.rawValue
            if value != 0 { classes[code] = value }
        }
        return classes
    }()

    /// Pairs that compose, without the excluded ones: those that the composed form does not keep.
    private static let compositions: [UInt64: UInt32] = {
        var pairs: [UInt64: UInt32] = [:]
        for (code, parts) in canonical where parts.count >= 2 {
            guard let scalar = Unicode.Scalar(code), let last = parts.last,
                Array(String(scalar).precomposedStringWithCanonicalMapping.unicodeScalars) == [scalar]
            else { continue }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: parts.dropLast().compactMap { Unicode.Scalar($0) })
            let head = Array(String(view).precomposedStringWithCanonicalMapping.unicodeScalars)
            if head.count == 1 { pairs[UInt64(head[0].value) << 32 | UInt64(last)] = code }
        }
        return pairs
    }()

    private static let seconds = Set(compositions.keys.map { UInt32(truncatingIfNeeded: $0) })
}
