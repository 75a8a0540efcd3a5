/// A regular expression as instructions of a backtracking machine.
struct PatternProgram: Sendable {
    enum Operation: Sendable {
        /// Takes a scalar of the set.
        case scalar(set: Int)
        /// Tries the next instruction, then `other`.
        case split(other: Int)
        /// Tries `other` first, then the next instruction.
        case splitLazily(other: Int)
        /// Goes to `other` where the next scalar is not in the set; else as `split`.
        case splitOn(set: Int, other: Int)
        case jump(Int)
        /// Takes as many scalars of the set as it can, up to a number, gives back one by one.
        case run(set: Int, maximum: Int)
        case runLazily(set: Int, maximum: Int)
        case runPossessively(set: Int, maximum: Int)
        /// Goes on where the next scalar is in the set, or is not; nothing is taken.
        case peek(set: Int, isNegative: Bool)
        /// The instructions behind it up to `end` must match, or must not; nothing is taken.
        case look(end: Int, isNegative: Bool)
        /// As `look`, from so many scalars before here to here.
        case lookBack(length: Int, end: Int, isNegative: Bool)
        /// The instructions behind it up to `end` match in their first way only.
        case atomic(end: Int)
        case anchor(PatternSyntax.Anchor)
        case accept
    }

    private(set) var operations: [Operation] = []
    /// The sets that operations name, for fast questions.
    let tables: ScalarTables
    private var sets: [ScalarSet] = []
    /// The scalars that a match can begin with; nil where it may be empty.
    private(set) var firstSet: Int?
    /// Whether a loop could go round without taking anything, so that visited states must be
    /// remembered from the beginning.
    private(set) var needsMemory = false
    private var indexOfSet: [ScalarSet: Int] = [:]
    static let operationLimit = 20_000

    init(_ syntax: PatternSyntax) throws(PatternError) {
        var builder = Self()
        try builder.emit(syntax)
        builder.operations.append(.accept)
        let firstSet = syntax.isNullable ? nil : builder.index(of: syntax.firstSet)
        operations = builder.operations
        needsMemory = builder.needsMemory
        tables = ScalarTables(builder.sets)
        self.firstSet = firstSet
    }

    private init() {
        tables = ScalarTables([])
    }

    private mutating func index(of set: ScalarSet) -> Int {
        if let known = indexOfSet[set] { return known }
        sets.append(set)
        indexOfSet[set] = sets.count - 1
        return sets.count - 1
    }

    private mutating func append(_ operation: Operation) throws(PatternError) {
        guard operations.count < Self.operationLimit else { throw PatternError(message: "the expression is too large") }
        operations.append(operation)
    }

    private mutating func emit(_ syntax: PatternSyntax) throws(PatternError) {
        switch syntax {
        case .set(let set): try append(.scalar(set: index(of: set)))
        case .sequence(let parts): for part in parts { try emit(part) }
        case .alternatives(let parts): try emit(alternatives: parts)
        case .repeated(let inner, let minimum, let maximum, let mode): try emit(repeating: inner, minimum, maximum, mode)
        case .anchor(let anchor): try append(.anchor(anchor))
        case .atomic(let inner): try emit(inner) { .atomic(end: $0) }
        case .lookAhead(.set(let set), let isNegative): try append(.peek(set: index(of: set), isNegative: isNegative))
        case .lookAhead(let inner, let isNegative): try emit(inner) { .look(end: $0, isNegative: isNegative) }
        case .lookBehind(let inner, let isNegative): try emit(lookBehind: inner, isNegative)
        }
    }

    /// A part that is matched apart: its opening operation, which knows where it ends, the part,
    /// and an accept.
    private mutating func emit(_ inner: PatternSyntax, _ opening: (Int) -> Operation) throws(PatternError) {
        let place = operations.count
        try append(.accept)
        try emit(inner)
        try append(.accept)
        operations[place] = opening(operations.count)
    }

    private mutating func emit(lookBehind inner: PatternSyntax, _ isNegative: Bool) throws(PatternError) {
        var branches = [inner]
        if case .alternatives(let list) = inner { branches = list }
        // (?<=a|bc) is one look-behind or another; (?<!a|bc) is one after another.
        let parts = branches.map { PatternSyntax.lookBehind($0, isNegative: isNegative) }
        if branches.count > 1 { return try isNegative ? emit(.sequence(parts)) : emit(.alternatives(parts)) }
        guard let length = inner.fixedLength else { throw PatternError(message: "a look-behind of varying length is not supported") }
        try emit(inner) { .lookBack(length: length, end: $0, isNegative: isNegative) }
    }

    private mutating func emit(alternatives parts: [PatternSyntax]) throws(PatternError) {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index < parts.count - 1 else {
                try emit(part)
                break
            }
            let place = operations.count
            try append(.accept)
            try emit(part)
            jumps.append(operations.count)
            try append(.jump(0))
            // A branch that must take something is left at once where the next scalar cannot begin
            // it.
            operations[place] =
                part.isNullable ? .split(other: operations.count) : .splitOn(set: self.index(of: part.firstSet), other: operations.count)
        }
        for jump in jumps { operations[jump] = .jump(operations.count) }
    }

    private mutating func emit(repeating inner: PatternSyntax, _ minimum: Int, _ maximum: Int, _ mode: PatternSyntax.Mode)
        throws(PatternError)
    {
        if mode == .possessive {
            if case .set(let set) = inner {
                for _ in 0..<minimum { try append(.scalar(set: index(of: set))) }
                if maximum > minimum {
                    try append(.runPossessively(set: index(of: set), maximum: maximum == .max ? .max : maximum - minimum))
                }
                return
            }
            return try emit(.atomic(.repeated(inner, minimum: minimum, maximum: maximum, mode: .greedy)))
        }
        for _ in 0..<minimum { try emit(inner) }
        guard maximum > minimum else { return }
        if case .set(let set) = inner {
            let more = maximum == .max ? Int.max : maximum - minimum
            return try append(mode == .lazy ? .runLazily(set: index(of: set), maximum: more) : .run(set: index(of: set), maximum: more))
        }
        if maximum == .max {
            if inner.isNullable { needsMemory = true }
            let place = operations.count
            try append(.accept)
            try emit(inner)
            try append(.jump(place))
            operations[place] = mode == .lazy ? .splitLazily(other: operations.count) : .split(other: operations.count)
            return
        }
        var places: [Int] = []
        for _ in minimum..<maximum {
            places.append(operations.count)
            try append(.accept)
            try emit(inner)
        }
        for place in places { operations[place] = mode == .lazy ? .splitLazily(other: operations.count) : .split(other: operations.count) }
    }
}
