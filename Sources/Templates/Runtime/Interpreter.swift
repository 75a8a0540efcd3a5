/// Runs one rendering of a template.
final class Interpreter {
    /// Names of one block and those around it.
    /// Used by one rendering, in one thread.
    final class Scope: @unchecked Sendable {
        var values: [String: TemplateValue] = [:]
        let parent: Scope?

        init(parent: Scope?) { self.parent = parent }

        func value(_ name: String) -> TemplateValue? {
            var scope: Scope? = self
            while let current = scope {
                if let value = current.values[name] { return value }
                scope = current.parent
            }
            return nil
        }
    }
    /// How a list of statements ended.
    enum Flow { case normal, breakLoop, continueLoop }

    let clock: TemplateClock?
    let limits: TemplateLimits
    var output: [UInt8] = []
    var generationSpans: [Range<Int>] = []
    var scope: Scope
    var steps = 0
    /// Values that were compared or gone through; four count as a step.
    var visits = 0
    var escapesOutput = false
    /// Scopes with macros, and objects whose functions hold them: each holds itself, and is let go
    /// when the rendering ends.
    var circularScopes: [Scope] = []
    var circularObjects: [TemplateObject] = []
    var depth = 0
    var evaluationDepth = 0
    /// Output is being collected for a value, so places in it are not places in the text.
    var captureDepth = 0

    /// The template's own names, which blocks see.
    let templateScope: Scope
    let blocks: [String: Statement.Block]

    init(variables: [String: TemplateValue], blocks: [String: Statement.Block] = [:], clock: TemplateClock?, limits: TemplateLimits) {
        self.clock = clock
        self.limits = limits
        let globals = Scope(parent: nil)
        globals.values = Globals.all
        templateScope = Scope(parent: globals)
        templateScope.values = variables
        scope = templateScope
        self.blocks = blocks
        globals.values["self"] = .object(reference())
    }

    func failure(_ type: String, _ message: String, _ line: Int? = nil) -> TemplateError {
        TemplateError(type: type, message: message, line: line)
    }

    /// What using something undefined ends in. What the sandbox hides is undefined, too, until it
    /// is used.
    func undefined(_ what: String) -> TemplateError {
        failure(what.hasPrefix(Self.hidden) ? "SecurityError" : "UndefinedError", what)
    }

    private static let hidden = "access to attribute '"

    /// What the sandbox does not show.
    static func hiddenAttribute(_ name: String, of kind: String) -> TemplateValue {
        .undefined("\(hidden)\(name)' of '\(kind)' object is unsafe.")
    }

    /// Remembers an object that may come to hold itself.
    func keep(_ object: TemplateObject) { circularObjects.append(object) }

    /// Lets go of everything that holds itself. Nothing can be rendered afterwards.
    func release() {
        for scope in circularScopes { scope.values = [:] }
        for object in circularObjects { (object.attributes, object.call) = ([:], nil) }
        (circularScopes, circularObjects) = ([], [])
    }

    func run(_ statements: [Statement]) throws(TemplateError) { _ = try execute(statements) }

    func write(_ text: String) throws(TemplateError) {
        try requireSize(output.count + text.utf8.count)
        try chargeCopy(text.utf8.count)
        output.append(contentsOf: text.utf8)
    }

    func nested<Result>(_ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else { throw failure("RecursionError", "the template is nested more than \(limits.depth) levels deep") }
        return try body()
    }

    func inScope<Result>(_ new: Scope, _ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
        let saved = scope
        scope = new
        defer { scope = saved }
        return try body()
    }

    /// The text that statements put out.
    func captured(_ statements: [Statement]) throws(TemplateError) -> String {
        try captured { () throws(TemplateError) in try run(statements) }
    }

    func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> String {
        let saved = output
        output = []
        captureDepth += 1
        defer {
            output = saved
            captureDepth -= 1
        }
        try body()
        return String(decoding: output, as: UTF8.self)
    }

    func located(_ error: TemplateError, _ line: Int) -> TemplateError {
        var error = error
        if error.line == nil { error.line = line }
        return error
    }
}
