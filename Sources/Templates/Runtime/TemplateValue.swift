import JSON

/// A value while a template runs: what Python would have, as far as templates can see.
indirect enum TemplateValue: Sendable {
    /// A name or attribute that is not there, with what Jinja would say about it.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    /// A whole number that 64 bits do not hold.
    case big(BigInteger)
    case double(Double)
    case string(String)
    /// Text that counts as escaped: what `safe` and `escape` give. Joined with other text it
    /// escapes that.
    case markup(String)
    /// What `str.encode` gives.
    case bytes([UInt8])
    case list([TemplateValue])
    case tuple([TemplateValue])
    case dictionary(TemplateDictionary)
    case range(TemplateRange)
    /// A view of a dictionary, or a sequence that can be gone through once.
    case view(TemplateView)
    case function(TemplateFunction)
    /// Something with state: a namespace, a loop, a cycler.
    case object(TemplateObject)

    init(_ node: JSONNode) {
        switch node.value {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .int(number)
        case .bigInteger(let digits): self = BigInteger(digits)?.value ?? .none
        case .double(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(elements.map { TemplateValue($0) })
        case .object(let members): self = .dictionary(TemplateDictionary(members.map { (.string($0.key), TemplateValue($0.node)) }))
        }
    }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .big: true
        case .double(let number): number != 0
        case .string(let text), .markup(let text): !text.utf8.isEmpty
        case .bytes(let bytes): !bytes.isEmpty
        case .list(let elements), .tuple(let elements): !elements.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .range(let range): range.count > 0
        case .view(let view): view.kind.isGenerator || !view.elements.isEmpty
        case .function, .object: true
        }
    }

    /// Python's name of the type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int, .big: "int"
        case .double: "float"
        case .string: "str"
        case .markup: "Markup"
        case .bytes: "bytes"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .range: "range"
        case .view(let view): view.kind.isGenerator ? "generator" : view.kind.rawValue
        case .function: "function"
        case .object(let object): object.kindName
        }
    }

    /// Booleans and whole numbers of 64 bits as Python counts with them.
    var wholeNumber: Int? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): number
        default: nil
        }
    }

    /// Booleans and whole numbers of any size.
    var big: BigInteger? {
        if case .big(let number) = self { return number }
        return wholeNumber.map { BigInteger($0) }
    }

    var isNone: Bool { if case .none = self { true } else { false } }

    var isBig: Bool { if case .big = self { true } else { false } }

    var number: Double? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): Double(number)
        case .big(let number): number.double
        case .double(let number): number
        default: nil
        }
    }

    /// Text, escaped or not.
    var text: String? {
        switch self {
        case .string(let text), .markup(let text): text
        default: nil
        }
    }

    /// Escaped text as ordinary text; everything else as it is.
    var plain: TemplateValue { if case .markup(let text) = self { .string(text) } else { self } }
}

extension BigInteger {
    /// The number as templates see it.
    var value: TemplateValue { small.map { .int($0) } ?? .big(self) }
}

/// The numbers of `range(...)`.
struct TemplateRange: Sendable {
    var start: Int
    var stop: Int
    var step: Int
    var count: Int

    subscript(index: Int) -> TemplateValue { .int(start &+ index &* step) }

    /// The place of a number, or nil if it is not there.
    func index(of number: Int) -> Int? {
        let (distance, overflow) = number.subtractingReportingOverflow(start)
        guard !overflow, step != 0, step != -1 || distance != .min, distance % step == 0 else { return nil }
        let index = distance / step
        return index >= 0 && index < count ? index : nil
    }
}

/// What `keys()`, `values()`, `items()` and the filters that go through a sequence give: it can be
/// looped over, but not indexed.
///
/// Used by one rendering, in one thread.
final class TemplateView: @unchecked Sendable {
    enum Kind: String {
        case keys = "dict_keys"
        case values = "dict_values"
        case items = "dict_items"
        case batch = "do_batch"
        case slice = "do_slice"
        case map = "sync_do_map"
        case choice = "select_or_reject"
        case unique = "do_unique"
        case entries = "do_items"
        case reversed = "reversed"

        var isGenerator: Bool {
            switch self {
            case .keys, .values, .items: false
            default: true
            }
        }
    }
    let kind: Kind
    private(set) var elements: [TemplateValue]

    init(_ kind: Kind, _ elements: [TemplateValue]) {
        self.kind = kind
        self.elements = elements
    }

    /// The elements, which a generator gives once.
    func taken() -> [TemplateValue] {
        guard kind.isGenerator else { return elements }
        defer { elements = [] }
        return elements
    }
}

/// An ordered dictionary as Python's. From nine entries on, places are looked up by hash.
struct TemplateDictionary: Sendable {
    private(set) var entries: [(key: TemplateValue, value: TemplateValue)] = []

    private var places: [TemplateKey: Int] = [:]
    private static let scanned = 8

    init(_ entries: [(TemplateValue, TemplateValue)] = []) {
        for (key, value) in entries { self[key] = value }
    }

    private func place(of key: TemplateValue) -> Int? {
        entries.count > Self.scanned ? places[TemplateKey(value: key)] : entries.firstIndex { TemplateKey.equal($0.key, key) }
    }

    subscript(key: TemplateValue) -> TemplateValue? {
        get { place(of: key).map { entries[$0].value } }
        set {
            guard let newValue else { return }
            if let place = place(of: key) {
                entries[place].value = newValue
                return
            }
            entries.append((key, newValue))
            if entries.count == Self.scanned + 1 {
                for (place, entry) in entries.enumerated() { places[TemplateKey(value: entry.key)] = place }
            } else if entries.count > Self.scanned {
                places[TemplateKey(value: key)] = entries.count - 1
            }
        }
    }
}

/// A value as a key: numbers are equal across their types, texts by their scalars, tuples by their
/// elements.
struct TemplateKey: Hashable {
    var value: TemplateValue

    static func == (a: TemplateKey, b: TemplateKey) -> Bool { equal(a.value, b.value) }

    static func equal(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.tuple(let a), .tuple(let b)): return a.count == b.count && zip(a, b).allSatisfy { equal($0, $1) }
        case (.object(let a), .object(let b)): return a === b
        case (.bytes(let a), .bytes(let b)): return a == b
        case (.range(let a), .range(let b)):
            return a.count == b.count && (a.count == 0 || a.start == b.start && (a.count == 1 || a.step == b.step))
        default:
            if let a = left.text, let b = right.text { return a.utf8.elementsEqual(b.utf8) }
            if let a = left.wholeNumber, let b = right.wholeNumber { return a == b }
            if let a = left.big, let b = right.big { return a == b }
            if let a = left.number, let b = right.number { return a == b }
            return false
        }
    }

    func hash(into hasher: inout Hasher) {
        if let number = value.number { return hasher.combine(number) }
        if let text = value.text {
            for byte in text.utf8 { hasher.combine(byte) }
        } else if case .bytes(let bytes) = value {
            hasher.combine(bytes)
        } else if case .tuple(let elements) = value {
            for element in elements { TemplateKey(value: element).hash(into: &hasher) }
        }
    }

    /// Whether Python could hash the value; tuples only so large that comparing them stays cheap.
    static func isHashable(_ value: TemplateValue, depth: Int = 4) -> Bool {
        switch value {
        case .list, .dictionary: false
        case .tuple(let elements): depth > 0 && elements.count <= 64 && elements.allSatisfy { isHashable($0, depth: depth - 1) }
        default: true
        }
    }
}

/// A callable: a global function, a method bound to its object, a macro.
struct TemplateFunction: Sendable {
    var name: String
    var call: @Sendable (Interpreter, Arguments) throws(TemplateError) -> TemplateValue
}

/// What a call passes.
struct Arguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// The argument at a place or by its name.
    func value(_ index: Int, _ name: String) -> TemplateValue? {
        if index >= 0, index < positional.count { return positional[index] }
        return named.first { $0.name == name }?.value
    }
}

/// State that lives beyond one expression. Used by one rendering, in one thread.
final class TemplateObject: @unchecked Sendable {
    let kindName: String
    var attributes: [String: TemplateValue]
    /// What calling the object does, if it can be called.
    var call: TemplateFunction?

    /// Names of attributes and the order in which they came, where it is shown.
    private(set) var order: [String: Int] = [:]

    init(kindName: String, attributes: [String: TemplateValue] = [:], call: TemplateFunction? = nil) {
        self.kindName = kindName
        self.attributes = attributes
        self.call = call
    }

    /// Sets an attribute and remembers when it first came.
    func set(_ name: String, _ value: TemplateValue) {
        attributes[name] = value
        if order[name] == nil { order[name] = order.count }
    }
}
