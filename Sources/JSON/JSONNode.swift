/// One value of a JSON text, with the place where it stands.
///
/// `offset` is the position of the value's first byte in the text it was read from;
/// ``JSONPosition/init(of:in:)`` turns it into a line and column.
package struct JSONNode: Sendable, Hashable {
    package var value: JSONValue
    package var offset: Int

    package init(_ value: JSONValue, offset: Int = 0) {
        self.value = value
        self.offset = offset
    }
}

/// A JSON value. Objects keep the order of their members, and whole numbers that fit stay whole.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    /// The digits, with a sign or none, of a whole number that 64 bits do not hold.
    case bigInteger(String)
    case double(Double)
    case string(String)
    case array([JSONNode])
    case object([JSONMember])
}

/// A key and its value inside a JSON object.
package struct JSONMember: Sendable, Hashable {
    package var key: String
    /// Position of the key's opening quotation mark in the text.
    package var keyOffset: Int
    package var node: JSONNode

    package init(_ key: String, _ node: JSONNode, keyOffset: Int = 0) {
        self.key = key
        self.keyOffset = keyOffset
        self.node = node
    }
}

extension JSONNode {
    package var isNull: Bool { value == .null }
    package var bool: Bool? { if case .bool(let flag) = value { flag } else { nil } }
    package var string: String? { if case .string(let text) = value { text } else { nil } }
    package var array: [JSONNode]? { if case .array(let elements) = value { elements } else { nil } }
    package var object: [JSONMember]? { if case .object(let members) = value { members } else { nil } }
    /// A whole number; `2.0` counts as one, `2.5` does not.
    package var integer: Int? {
        switch value {
        case .integer(let number): number
        case .double(let number): Int(exactly: number)
        case .bigInteger(let digits): Double(digits).flatMap { Int(exactly: $0) }
        default: nil
        }
    }
    package var double: Double? {
        switch value {
        case .integer(let number): Double(number)
        case .double(let number): number
        case .bigInteger(let digits): Double(digits)
        default: nil
        }
    }
    /// The member of an object with this key, or nil if this is not an object or has none. Linear:
    /// make a dictionary for large objects.
    package subscript(key: String) -> JSONNode? {
        guard case .object(let members) = value else { return nil }
        return members.first { $0.key == key }?.node
    }
    /// What kind of value this is, as an error message names it.
    package var kindName: String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .bigInteger, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONNode: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self.init(.string(value)) }
    package init(integerLiteral value: Int) { self.init(.integer(value)) }
    package init(floatLiteral value: Double) { self.init(.double(value)) }
    package init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    package init(arrayLiteral elements: JSONNode...) { self.init(.array(elements)) }
    package init(dictionaryLiteral elements: (String, JSONNode)...) { self.init(.object(elements.map { JSONMember($0.0, $0.1) })) }
    package init(nilLiteral: ()) { self.init(.null) }
    package init(_ text: String) { self.init(.string(text)) }
    package init(_ number: Int) { self.init(.integer(number)) }
    package init(_ number: Double) { self.init(.double(number)) }
    package init(_ flag: Bool) { self.init(.bool(flag)) }
    package init(_ elements: [JSONNode]) { self.init(.array(elements)) }
    package init(_ members: [JSONMember]) { self.init(.object(members)) }
    package static var null: JSONNode { JSONNode(.null) }
}
