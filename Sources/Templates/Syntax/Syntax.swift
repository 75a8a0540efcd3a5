/// A template's parts: text, output, statements.
indirect enum Statement: Sendable {
    case text([UInt8])
    case output(Expression, line: Int)
    case ifElse([(condition: Expression, body: [Statement])], otherwise: [Statement])
    case forLoop(ForLoop)
    case assign(Target, value: Expression, line: Int)
    case assignBlock(Target, filters: [FilterCall], body: [Statement], line: Int)
    case macro(MacroDefinition)
    case callBlock(parameters: [Parameter], call: Expression, body: [Statement], usage: MacroUsage, line: Int)
    case autoescape(Expression, body: [Statement])
    case filterBlock([FilterCall], body: [Statement])
    case with([(name: String, value: Expression)], body: [Statement])
    case generation([Statement])
    case block(Block)
    /// What cannot be done here, and why; told when it is reached.
    case unavailable(type: String, message: String, line: Int)
    case breakLoop
    case continueLoop

    /// `{% block %}`: a part with a name, which `self` can show again.
    struct Block: Sendable {
        var name: String
        var body: [Statement]
        /// Sees the names around it, and not only the template's own.
        var isScoped: Bool
        var isRequired: Bool
        var line: Int
    }
    struct ForLoop: Sendable {
        var target: Target
        var iterated: Expression
        var condition: Expression?
        var body: [Statement]
        var otherwise: [Statement]
        var isRecursive: Bool
        var line: Int
    }
    /// A name, an attribute of a namespace, or several.
    indirect enum Target: Sendable {
        case name(String)
        case attribute(of: String, String)
        case tuple([Target])
    }
    struct Parameter: Sendable {
        var name: String
        var defaultValue: Expression?
    }
    struct MacroDefinition: Sendable {
        var name: String
        var parameters: [Parameter]
        var body: [Statement]
        var usage: MacroUsage
    }
    /// Which of the special names a macro's body mentions; only those that it mentions are taken.
    struct MacroUsage: Sendable {
        var caller: Bool
        var otherArguments: Bool
        var namedArguments: Bool
    }
    struct FilterCall: Sendable {
        var name: String
        var arguments: [Argument]
        var line: Int
    }
}

struct Argument: Sendable {
    enum Kind: Sendable { case positional, named(String), spread, spreadNamed }
    var kind: Kind
    var value: Expression
}

indirect enum Expression: Sendable {
    case literal(TemplateValue)
    case name(String, line: Int)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(Expression, Expression)])
    case attribute(Expression, String, line: Int)
    case item(Expression, Expression, line: Int)
    case slice(Expression, from: Expression?, to: Expression?, step: Expression?, line: Int)
    case call(Expression, [Argument], line: Int)
    case filter(Expression, Statement.FilterCall)
    case test(Expression, name: String, arguments: [Argument], isNegated: Bool, line: Int)
    case negate(Expression, line: Int)
    case plus(Expression, line: Int)
    case not(Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
    case binary(String, Expression, Expression, line: Int)
    case concatenate([Expression])
    case compare(Expression, [(operation: String, Expression)], line: Int)
    case conditional(Expression, condition: Expression, otherwise: Expression?)
}
