/// A JSON Schema as far as it can be enforced, read and checked.
indirect enum Schema: Sendable {
    /// Any value.
    case any
    case null
    case boolean
    case number(NumberRange)
    case string(Text)
    /// One of several values, as JSON text.
    case values([[UInt8]])
    case array(first: [Schema], rest: Schema?, least: Int, most: Int?)
    case object([Property], others: Schema?)
    case anyOf([Schema])
    /// The schema with this number, to which `$ref` leads.
    case reference(Int)

    struct Property: Sendable {
        var name: String
        var schema: Schema
        var isRequired: Bool
    }
    struct Text: Sendable {
        var least = 0
        var most: Int?
        var pattern: Pattern?
    }
    struct NumberRange: Sendable {
        var isWhole: Bool
        var least: Decimal?
        var most: Decimal?
        var excludesLeast = false
        var excludesMost = false
    }

    /// More levels than anything may have.
    static let endless = 1_000

    /// The fewest arrays and objects within each other that a value needs.
    /// - Parameter known: what the schemas that references lead to need.
    func nesting(_ known: [Int]) -> Int {
        switch self {
        case .any, .null, .boolean, .number, .string, .values: return 0
        case .array(let first, let rest, let least, _):
            var inside = first.prefix(least).map { $0.nesting(known) }.max() ?? 0
            if least > first.count, let rest { inside = max(inside, rest.nesting(known)) }
            return min(Self.endless, 1 + inside)
        case .object(let properties, _):
            return min(Self.endless, 1 + (properties.filter(\.isRequired).map { $0.schema.nesting(known) }.max() ?? 0))
        case .anyOf(let choices): return choices.map { $0.nesting(known) }.min() ?? Self.endless
        case .reference(let number): return known[number]
        }
    }

    /// Where a value may begin without an array or object around it: the numbers of schemas.
    var directReferences: [Int] {
        switch self {
        case .anyOf(let choices): choices.flatMap(\.directReferences)
        case .reference(let number): [number]
        default: []
        }
    }
}
