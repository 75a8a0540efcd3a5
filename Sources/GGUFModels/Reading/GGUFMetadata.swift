import Storage

/// What a GGUF file says of itself: values by key, each looked at where it lies in the mapped file.
package struct GGUFMetadata: @unchecked Sendable {
    /// Type numbers of values, as the format has them.
    enum Kind: UInt32 {
        case uint8 = 0
        case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

        /// Bytes of a value; nil for those that say it themselves.
        var size: Int? {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .uint64, .int64, .float64: 8
            case .string, .array: nil
            }
        }
        var name: String {
            switch self {
            case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: "a whole number"
            case .float32, .float64: "a number with a fraction"
            case .bool: "true or false"
            case .string: "a string"
            case .array: "an array"
            }
        }
    }
    /// A value: of an array the kind and number of its elements.
    struct Entry {
        var kind: Kind
        var element: Kind?
        var count = 1
        /// Where value or elements lie in the file; of a string its text.
        var place: Range<Int>
    }

    /// The keys in the order of the file.
    package private(set) var keys: [String] = []
    private var entries: [String: Entry] = [:]
    private let path: String
    private let bytes: UnsafeRawBufferPointer
    /// What keeps the bytes there.
    private let owner: MappedFile?

    /// Reads so many entries from a place on.
    /// - Throws: ``GGUFFault`` naming the key.
    init(_ cursor: inout GGUFCursor, count: Int, owner: MappedFile?) throws(GGUFFault) {
        (path, bytes, self.owner) = (cursor.path, cursor.bytes, owner)
        for index in 0..<count {
            let key = try cursor.name("key \(index + 1) of \(count)", limit: 65535)
            let shown = GGUFFault.shown(key)
            let entry = try Self.entry(&cursor, shown)
            guard entries.updateValue(entry, forKey: key) == nil else { throw cursor.fault(shown, "stands twice") }
            keys.append(key)
        }
    }

    private static func kind(_ cursor: inout GGUFCursor, _ field: String) throws(GGUFFault) -> Kind {
        let number = try cursor.number(UInt32.self, field)
        guard let kind = Kind(rawValue: number) else { throw cursor.fault(field, "has a value of type \(number), which does not exist") }
        return kind
    }

    private static func entry(_ cursor: inout GGUFCursor, _ field: String) throws(GGUFFault) -> Entry {
        let kind = try kind(&cursor, field)
        if kind == .string { return Entry(kind: kind, place: try cursor.string(field)) }
        guard kind == .array else {
            let start = cursor.position
            let size = kind.size ?? 1
            try cursor.skip(size, field)
            if kind == .bool, cursor.bytes[start] > 1 {
                throw cursor.fault(field, "is neither true (1) nor false (0), but \(cursor.bytes[start])")
            }
            return Entry(kind: kind, place: start..<cursor.position)
        }
        let element = try Self.kind(&cursor, field)
        guard element != .array else { throw cursor.fault(field, "is an array of arrays, which no model's file needs and nobody reads") }
        // A string takes the eight bytes of its length at least.
        let count = try cursor.count(ofSize: element.size ?? 8, field)
        let start = cursor.position
        if let size = element.size {
            try cursor.skip(count * size, field)
        } else {
            for _ in 0..<count { _ = try cursor.string(field) }
        }
        return Entry(kind: kind, element: element, count: count, place: start..<cursor.position)
    }

    func fault(_ key: String, _ message: String) -> GGUFFault { GGUFFault(path: path, field: GGUFFault.shown(key), message) }

    package func holds(_ key: String) -> Bool { entries[key] != nil }

    /// The number of an array's elements; nil where there is no such array.
    package func elementCount(_ key: String) -> Int? { entries[key].flatMap { $0.kind == .array ? $0.count : nil } }

    private func load<Number: FixedWidthInteger>(_ place: Int, _ type: Number.Type) -> Number {
        Number(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Number.self))
    }

    private func unlike(_ key: String, _ entry: Entry, _ wanted: String) -> GGUFFault {
        let found = entry.element.map { "an array of \(entry.count) elements, each \($0.name)" } ?? entry.kind.name
        return fault(key, "is \(found); wanted is \(wanted)")
    }

    /// - Throws: ``GGUFFault`` if it is no string, or no UTF-8.
    package func text(_ key: String) throws(GGUFFault) -> String? {
        guard let entry = entries[key] else { return nil }
        guard entry.kind == .string else { throw unlike(key, entry, "a string") }
        guard let text = String(validating: bytes[entry.place], as: UTF8.self) else { throw fault(key, "is not UTF-8") }
        return text
    }

    /// - Throws: ``GGUFFault`` if it is not true or false.
    package func flag(_ key: String) throws(GGUFFault) -> Bool? {
        guard let entry = entries[key] else { return nil }
        guard entry.kind == .bool else { throw unlike(key, entry, "true or false") }
        return bytes[entry.place.lowerBound] == 1
    }

    /// A whole number of any width.
    private func integer(_ kind: Kind, at place: Int) -> Int? {
        switch kind {
        case .uint8: Int(load(place, UInt8.self))
        case .int8: Int(load(place, Int8.self))
        case .uint16: Int(load(place, UInt16.self))
        case .int16: Int(load(place, Int16.self))
        case .uint32: Int(load(place, UInt32.self))
        case .int32: Int(load(place, Int32.self))
        case .uint64: Int(exactly: load(place, UInt64.self))
        case .int64: Int(exactly: load(place, Int64.self))
        default: nil
        }
    }

    /// A whole number in a range.
    /// - Throws: ``GGUFFault`` if it is none, or lies outside.
    package func integer(_ key: String, in range: ClosedRange<Int>) throws(GGUFFault) -> Int? {
        guard let entry = entries[key] else { return nil }
        guard entry.kind.size != nil, entry.kind.name == Kind.uint8.name else { throw unlike(key, entry, "a whole number") }
        guard let number = integer(entry.kind, at: entry.place.lowerBound), range.contains(number) else {
            let shown = integer(entry.kind, at: entry.place.lowerBound).map { String($0) } ?? "a number of more than 63 bits"
            throw fault(key, "\(shown) is out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A whole number that may also stand as an array with one for each layer, which must be equal.
    /// - Throws: ``GGUFFault`` if it is none, lies outside, or differs from layer to layer.
    package func integerOfAllLayers(_ key: String, in range: ClosedRange<Int>) throws(GGUFFault) -> Int? {
        guard let entry = entries[key], entry.kind == .array else { return try integer(key, in: range) }
        guard let element = entry.element, let size = element.size, element.name == Kind.uint8.name, entry.count > 0 else {
            throw unlike(key, entry, "a whole number")
        }
        let numbers = Set((0..<entry.count).map { integer(element, at: entry.place.lowerBound + $0 * size) })
        guard numbers.count == 1, let number = numbers.first else {
            throw fault(key, "differs from layer to layer: models with unequal layers are not supported")
        }
        guard let number, range.contains(number) else {
            throw fault(key, "its numbers are out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number that is finite.
    /// - Throws: ``GGUFFault`` if it is none, or is infinite or a NaN.
    package func number(_ key: String) throws(GGUFFault) -> Double? {
        guard let entry = entries[key] else { return nil }
        let place = entry.place.lowerBound
        let number: Double
        switch entry.kind {
        case .float32: number = Double(Float(bitPattern: load(place, UInt32.self)))
        case .float64: number = Double(bitPattern: load(place, UInt64.self))
        case .string, .array, .bool: throw unlike(key, entry, "a number")
        default: number = integer(entry.kind, at: place).map { Double($0) } ?? .infinity
        }
        guard number.isFinite else { throw fault(key, "is not a finite number") }
        return number
    }

    private func array(_ key: String, _ wanted: [Kind], _ name: String) throws(GGUFFault) -> Entry? {
        guard let entry = entries[key] else { return nil }
        guard let element = entry.element, wanted.contains(element) else { throw unlike(key, entry, name) }
        return entry
    }

    /// The strings of an array.
    /// - Throws: ``GGUFFault`` if it is none, or one of them is no UTF-8.
    package func texts(_ key: String) throws(GGUFFault) -> [String]? {
        guard let entry = try array(key, [.string], "an array of strings") else { return nil }
        var texts: [String] = []
        texts.reserveCapacity(entry.count)
        var place = entry.place.lowerBound
        for index in 0..<entry.count {
            // The lengths were checked when the head was read; but the file is mapped, and somebody
            // may have written into it since.
            let length = Int(clamping: load(place, UInt64.self))
            guard length <= entry.place.upperBound - place - 8 else { throw fault(key, "has changed while the file was read: try again") }
            let end = place + 8 + length
            guard let text = String(validating: bytes[(place + 8)..<end], as: UTF8.self) else {
                throw fault(key, "its string \(index) is not UTF-8")
            }
            texts.append(text)
            place = end
        }
        return texts
    }

    /// The numbers of an array of float32.
    /// - Throws: ``GGUFFault`` if it is none.
    package func floats(_ key: String) throws(GGUFFault) -> [Float]? {
        guard let entry = try array(key, [.float32], "an array of float32 numbers") else { return nil }
        return (0..<entry.count).map { Float(bitPattern: load(entry.place.lowerBound + 4 * $0, UInt32.self)) }
    }

    /// The numbers of an array of whole numbers of 32 bits.
    /// - Throws: ``GGUFFault`` if it is none.
    package func integers(_ key: String) throws(GGUFFault) -> [Int32]? {
        guard let entry = try array(key, [.int32, .uint32], "an array of whole numbers of 32 bits") else { return nil }
        return (0..<entry.count).map { load(entry.place.lowerBound + 4 * $0, Int32.self) }
    }
}
