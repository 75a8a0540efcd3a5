/// Runs a ``PatternProgram`` over a range of bytes.
struct PatternMatcher {
    private struct Choice {
        var operation: Int
        var position: Int
        /// For a run: the position to which it may give back; otherwise the position itself.
        var lowest: Int
    }

    private let program: PatternProgram
    private let bytes: UnsafeBufferPointer<UInt8>
    private let tables: ScalarTables
    private var start = 0
    private var end = 0
    private var choices: [Choice] = []
    private var stepCount = 0
    private var stepsBeforeMemory = 0
    /// Steps that all matches in one range may take together.
    private var stepLimit = 0
    /// A bit for each operation at each position: the state has failed. Empty until it is needed.
    private var failed: [UInt64] = []
    private var remembers = false
    private static let memoryLimit = 1 << 31

    init(_ program: PatternProgram, _ bytes: UnsafeBufferPointer<UInt8>) {
        self.program = program
        self.bytes = bytes
        tables = program.tables
    }

    /// The matches inside a range of valid UTF-8, leftmost first, none overlapping; nothing outside
    /// the range is seen.
    ///
    /// Empty matches are included, but not directly behind another match, as Oniguruma's bindings
    /// have it.
    mutating func matches(in range: Range<Int>, into found: inout [Range<Int>]) {
        begin(range)
        var position = start
        var last = -1
        while position <= end {
            if let first = program.firstSet {
                while position < end, !holds(first, position) { position = behind(position) }
                if position == end { return }
            }
            guard let reached = match(at: position) else {
                position = position < end ? behind(position) : end + 1
                continue
            }
            if reached > position || last != reached { found.append(position..<reached) }
            last = reached
            position = reached > position ? reached : position < end ? behind(position) : end + 1
        }
    }

    private mutating func begin(_ range: Range<Int>) {
        start = range.lowerBound
        end = range.upperBound
        stepCount = 0
        failed = []
        remembers = false
        stepsBeforeMemory = program.needsMemory ? -1 : 4096 + 32 * range.count
        let states = range.count.multipliedReportingOverflow(by: 8 * (program.operations.count + 8))
        stepLimit = (1 << 20) + (states.overflow ? Int.max >> 2 : min(states.partialValue, Int.max >> 2))
        if program.needsMemory { remember() }
    }

    /// Where the first way to match from `position` ends.
    private mutating func match(at position: Int) -> Int? {
        choices.removeAll(keepingCapacity: true)
        guard let result = execute(0, position, isApart: false) else { return nil }
        // The way that succeeded led through states at this position that are marked; those behind
        // it have all failed.
        if remembers { forget(at: result) }
        return result
    }

    private mutating func remember() {
        let bits = (end - start + 1).multipliedReportingOverflow(by: program.operations.count)
        guard !bits.overflow, bits.partialValue < Self.memoryLimit else { return }
        failed = [UInt64](repeating: 0, count: bits.partialValue / 64 + 1)
        remembers = true
    }

    private mutating func forget(at position: Int) {
        for operation in program.operations.indices {
            let bit = (position - start) * program.operations.count + operation
            failed[bit >> 6] &= ~(1 << UInt64(bit & 63))
        }
    }

    /// Marks a state. - Returns: whether it was marked before.
    private mutating func mark(_ operation: Int, _ position: Int) -> Bool {
        let bit = (position - start) * program.operations.count + operation
        let mask: UInt64 = 1 << UInt64(bit & 63)
        if failed[bit >> 6] & mask != 0 { return true }
        failed[bit >> 6] |= mask
        return false
    }

    @inline(__always) private func holds(_ set: Int, _ position: Int) -> Bool {
        position < end && tables.contains(set, UTF8Scalars.scalar(bytes, position, end))
    }

    @inline(__always) private func behind(_ position: Int) -> Int { min(end, position + UTF8Scalars.width(bytes[position])) }

    /// - Parameter isApart: inside a look-around or atomic group, where failed states are not
    ///   remembered.
    private mutating func execute(_ first: Int, _ from: Int, isApart: Bool) -> Int? {
        let base = choices.count
        var operation = first
        var position = from
        while true {
            var hasFailed = false
            switch program.operations[operation] {
            case .scalar(let set):
                if holds(set, position) {
                    position = behind(position)
                    operation += 1
                } else {
                    hasFailed = true
                }
            case .jump(let target): operation = target
            case .splitOn(let set, let other):
                if holds(set, position) {
                    choices.append(Choice(operation: other, position: position, lowest: position))
                    operation += 1
                } else {
                    operation = other
                }
            case .split(let other):
                if remembers, !isApart, mark(operation, position) {
                    hasFailed = true
                } else {
                    choices.append(Choice(operation: other, position: position, lowest: position))
                    operation += 1
                }
            case .splitLazily(let other):
                if remembers, !isApart, mark(operation, position) {
                    hasFailed = true
                } else {
                    choices.append(Choice(operation: operation + 1, position: position, lowest: position))
                    operation = other
                }
            case .run(let set, let maximum):
                if remembers, !isApart, maximum == .max {
                    // Step by step, so that a state that has failed is not run through again.
                    if mark(operation, position) {
                        hasFailed = true
                    } else if holds(set, position) {
                        choices.append(Choice(operation: operation + 1, position: position, lowest: position))
                        position = behind(position)
                    } else {
                        operation += 1
                    }
                } else {
                    let lowest = position
                    position = taken(set, position, maximum)
                    if position > lowest {
                        stepCount += (position - lowest) >> 3
                        choices.append(Choice(operation: operation, position: position, lowest: lowest))
                    }
                    operation += 1
                }
            case .runLazily(let set, let maximum):
                if remembers, !isApart, maximum == .max, mark(operation, position) {
                    hasFailed = true
                } else {
                    if maximum > 0, holds(set, position) {
                        choices.append(Choice(operation: operation, position: position, lowest: maximum == .max ? -1 : -maximum - 1))
                    }
                    operation += 1
                }
            case .runPossessively(let set, let maximum):
                if remembers, !isApart, maximum == .max {
                    while true {
                        if mark(operation, position) {
                            hasFailed = true
                            break
                        }
                        guard holds(set, position) else { break }
                        position = behind(position)
                    }
                } else {
                    let lowest = position
                    position = taken(set, position, maximum)
                    stepCount += (position - lowest) >> 3
                }
                operation += 1
            case .peek(let set, let isNegative):
                if holds(set, position) != isNegative { operation += 1 } else { hasFailed = true }
            case .look(let after, let isNegative):
                if (execute(operation + 1, position, isApart: true) != nil) != isNegative { operation = after } else { hasFailed = true }
            case .lookBack(let length, let after, let isNegative):
                if looksBack(length, operation + 1, position) != isNegative { operation = after } else { hasFailed = true }
            case .atomic(let after):
                if let reached = execute(operation + 1, position, isApart: true) {
                    position = reached
                    operation = after
                } else {
                    hasFailed = true
                }
            case .anchor(let anchor):
                if holds(anchor, position) { operation += 1 } else { hasFailed = true }
            case .accept:
                choices.removeLast(choices.count - base)
                return position
            }
            guard hasFailed else { continue }
            guard choices.count > base, stepCount < stepLimit else {
                choices.removeLast(choices.count - base)
                return nil
            }
            stepCount += 1
            if stepCount > stepsBeforeMemory, !remembers, base == 0, !isApart, stepsBeforeMemory >= 0, failed.isEmpty { remember() }
            resume(&operation, &position)
        }
    }

    /// Takes up the last choice that is left.
    private mutating func resume(_ operation: inout Int, _ position: inout Int) {
        let top = choices.count - 1
        let choice = choices[top]
        switch program.operations[choice.operation] {
        case .run where choice.lowest < choice.position:
            position = UTF8Scalars.before(bytes, choice.position, start)
            operation = choice.operation + 1
            if position > choice.lowest { choices[top].position = position } else { choices.removeLast() }
        case .runLazily(let set, let maximum) where choice.lowest < 0:
            // One more scalar; the room that is left is kept below zero.
            position = behind(choice.position)
            operation = choice.operation + 1
            let room = maximum == .max ? Int.max : -choice.lowest - 2
            if remembers, maximum == .max {
                operation = choice.operation
                choices.removeLast()
            } else if room > 0, holds(set, position) {
                choices[top] = Choice(operation: choice.operation, position: position, lowest: maximum == .max ? -1 : -room - 1)
            } else {
                choices.removeLast()
            }
        default:
            (operation, position) = (choice.operation, choice.position)
            choices.removeLast()
        }
    }

    @inline(__always) private func taken(_ set: Int, _ from: Int, _ maximum: Int) -> Int {
        var position = from
        var count = 0
        while count < maximum, holds(set, position) {
            position = behind(position)
            count += 1
        }
        return position
    }

    private mutating func looksBack(_ length: Int, _ operation: Int, _ position: Int) -> Bool {
        var from = position
        for _ in 0..<length {
            guard from > start else { return false }
            from = UTF8Scalars.before(bytes, from, start)
        }
        return execute(operation, from, isApart: true) == position
    }

    private func holds(_ anchor: PatternSyntax.Anchor, _ position: Int) -> Bool {
        switch anchor {
        case .textStart: position == start
        case .textEnd: position == end
        case .textEndOrLastLine: position == end || (position + 1 == end && bytes[position] == 10)
        case .lineStart: position == start || (bytes[position - 1] == 10 && position < end)
        case .lineEnd: position == end || bytes[position] == 10
        case .wordBoundary: isWord(before: position) != isWord(at: position)
        case .noWordBoundary: isWord(before: position) == isWord(at: position)
        case .never: false
        }
    }

    private static let word = ScalarTable(UnicodeSets.word)

    private func isWord(at position: Int) -> Bool { position < end && Self.word.contains(UTF8Scalars.scalar(bytes, position, end)) }

    private func isWord(before position: Int) -> Bool {
        position > start && Self.word.contains(UTF8Scalars.scalar(bytes, UTF8Scalars.before(bytes, position, start), end))
    }
}
