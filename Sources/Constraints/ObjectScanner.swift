/// Follows a JSON value byte by byte: where it ends, and whether an object has a key twice, which
/// an automaton cannot tell.
package struct ObjectScanner: Sendable {
    private enum Place { case inObject, inArray }
    private var places: [Place] = []
    /// Keys of the objects that are open; empty for arrays.
    private var keys: [Set<[UInt8]>] = []
    private var text: [UInt8]?
    private var isEscaped = false
    /// Whether the next string of an object is a key.
    private var wantsKey = false
    /// Whether an object has the same key twice.
    package private(set) var hasRepeatedKey = false
    /// Whether an array or object has come and is closed.
    package private(set) var isDone = false

    package init() {}

    package mutating func append(_ byte: UInt8) {
        if var bytes = text {
            text = nil
            if isEscaped {
                isEscaped = false
            } else if byte == 0x5C {
                isEscaped = true
            } else if byte == 0x22 {
                end(bytes)
                return
            }
            // Contents count for keys alone.
            if wantsKey { bytes.append(byte) }
            text = bytes
            return
        }
        switch byte {
        case 0x22: text = []
        case 0x7B:
            open(.inObject)
            wantsKey = true
        case 0x5B: open(.inArray)
        case 0x7D, 0x5D:
            _ = (places.popLast(), keys.popLast())
            wantsKey = false
            isDone = isDone || places.isEmpty
        case 0x2C: wantsKey = places.last == .inObject
        default: break
        }
    }

    private mutating func open(_ place: Place) {
        places.append(place)
        keys.append([])
        wantsKey = false
    }

    private mutating func end(_ bytes: [UInt8]) {
        guard wantsKey, !keys.isEmpty else { return }
        wantsKey = false
        if !keys[keys.count - 1].insert(bytes).inserted { hasRepeatedKey = true }
    }
}
