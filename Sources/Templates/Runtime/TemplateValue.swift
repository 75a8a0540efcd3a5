public import JSON

/// A value while a template runs: what Python would have, as far as templates can see.
public indirect enum TemplateValue: Sendable {
    /// A name or attribute that is not there, with what Jinja would say about it.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([TemplateValue])
    case tuple([TemplateValue])
    case dictionary(TemplateDictionary)
    case function(TemplateFunction)
    /// Something with state: a namespace, a loop, a cycler.
    case object(TemplateObject)

    public init(_ node: JSONNode) {
        switch node.value {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .int(number)
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
        case .double(let number): number != 0
        case .string(let text): !text.utf8.isEmpty
        case .list(let elements), .tuple(let elements): !elements.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .function, .object: true
        }
    }

    /// Python's name of the type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int: "int"
        case .double: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .function: "function"
        case .object(let object): object.kindName
        }
    }

    /// Python's `==`: numbers compare across types, texts by their scalars.
    static func equal(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { equal($0, $1) }
        case (.dictionary(let a), .dictionary(let b)):
            return a.entries.count == b.entries.count
                && a.entries.allSatisfy { entry in b[entry.key].map { equal($0, entry.value) } ?? false }
        case (.object(let a), .object(let b)): return a === b
        default:
            if let a = left.wholeNumber, let b = right.wholeNumber { return a == b }
            if let a = left.number, let b = right.number { return a == b }
            return false
        }
    }

    /// Booleans and whole numbers as Python counts with them.
    var wholeNumber: Int? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): number
        default: nil
        }
    }

    var number: Double? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}

/// An ordered dictionary as Python's.
public struct TemplateDictionary: Sendable {
    public private(set) var entries: [(key: TemplateValue, value: TemplateValue)] = []

    public init(_ entries: [(TemplateValue, TemplateValue)] = []) {
        for (key, value) in entries { self[key] = value }
    }

    public subscript(key: TemplateValue) -> TemplateValue? {
        get {
            for entry in entries where TemplateValue.equal(entry.key, key) { return entry.value }
            return nil
        }
        set {
            let index = entries.firstIndex { TemplateValue.equal($0.key, key) }
            switch (index, newValue) {
            case (let index?, let value?): entries[index].value = value
            case (nil, let value?): entries.append((key, value))
            case (let index?, nil): entries.remove(at: index)
            case (nil, nil): break
            }
        }
    }
}

/// A callable: a global function, a method bound to its object, a macro.
public struct TemplateFunction: Sendable {
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
public final class TemplateObject: @unchecked Sendable {
    let kindName: String
    var attributes: [String: TemplateValue]
    /// What calling the object does, if it can be called.
    var call: TemplateFunction?

    init(kindName: String, attributes: [String: TemplateValue] = [:], call: TemplateFunction? = nil) {
        self.kindName = kindName
        self.attributes = attributes
        self.call = call
    }
}
