/// Makes the nodes of an automaton from its end to its beginning: each piece is given what follows
/// it.
struct AutomatonBuilder {
    private(set) var nodes: [Automaton.Node] = []
    private(set) var parts: [Int32] = []
    /// Where the schema is being read, for errors.
    var path = ""
    /// Where characters beyond ASCII begin, by the node that follows them.
    private var wideCharacters: [Int32: Int32] = [:]

    /// - Throws: ``ConstraintError`` where there are too many.
    mutating func add(_ node: Automaton.Node) throws(ConstraintError) -> Int32 {
        guard nodes.count < Automaton.nodeLimit else {
            throw ConstraintError(path, "needs more than \(Automaton.nodeLimit) states: make it smaller")
        }
        nodes.append(node)
        return Int32(truncatingIfNeeded: nodes.count - 1)
    }

    /// A node that is set later, for what comes back to where it was.
    mutating func reserve() throws(ConstraintError) -> Int32 { try add(.split([])) }
    mutating func set(_ node: Int32, to choices: [Int32]) { nodes[Int(node)] = .split(choices) }

    /// Makes room for parts that are set later.
    /// - Returns: the number of the first.
    mutating func addParts(_ count: Int) -> Int {
        parts += Array(repeating: 0, count: count)
        return parts.count - count
    }
    mutating func set(part: Int, to node: Int32) { parts[part] = node }

    mutating func choice(_ nodes: [Int32]) throws(ConstraintError) -> Int32 { nodes.count == 1 ? nodes[0] : try add(.split(nodes)) }

    mutating func literal(_ bytes: some BidirectionalCollection<UInt8>, _ next: Int32) throws(ConstraintError) -> Int32 {
        var node = next
        for byte in bytes.reversed() { node = try add(.range(byte, byte, next: node)) }
        return node
    }

    mutating func literal(_ text: String, _ next: Int32) throws(ConstraintError) -> Int32 { try literal(Array(text.utf8), next) }

    /// One of several texts; what they begin with alike is walked once.
    mutating func anyOf(_ texts: [[UInt8]], _ next: Int32) throws(ConstraintError) -> Int32 {
        var choices: [Int32] = []
        if texts.contains(where: \.isEmpty) { choices.append(next) }
        let groups = Dictionary(grouping: texts.filter { !$0.isEmpty }) { $0[0] }
        for byte in groups.keys.sorted() {
            var rest = (groups[byte] ?? []).map { Array($0.dropFirst()) }
            // What only one begins with is a line; elsewhere the tree goes on.
            if rest.count == 1 {
                choices.append(try literal([byte] + rest.removeFirst(), next))
            } else {
                choices.append(try add(.range(byte, byte, next: try anyOf(rest, next))))
            }
        }
        return try choice(choices)
    }

    /// At most one space, as it may stand behind a colon or a comma.
    mutating func space(_ next: Int32) throws(ConstraintError) -> Int32 {
        try add(.split([next, try add(.range(32, 32, next: next))]))
    }

    /// Between `least` and `most` digits.
    mutating func digits(_ least: Int, _ most: Int, _ next: Int32) throws(ConstraintError) -> Int32 {
        var node = next
        for place in stride(from: most, to: 0, by: -1) {
            let digit = try add(.range(0x30, 0x39, next: node))
            node = place > least ? try add(.split([next, digit])) : digit
        }
        return node
    }

    // MARK: Characters of a JSON string

    /// One character out of ranges of scalars, as it stands in a JSON string: quotation mark,
    /// backslash and controls by their short escapes.
    mutating func character(_ ranges: [ClosedRange<UInt32>], _ next: Int32) throws(ConstraintError) -> Int32 {
        var choices: [Int32] = []
        for range in ranges {
            if range == Self.beyondASCII {
                choices.append(try wideCharacter(next))
            } else if range.lowerBound < 0x80 {
                try appendASCII(UInt8(range.lowerBound)...UInt8(min(0x7F, range.upperBound)), next, &choices)
                if range.upperBound >= 0x80 {
                    choices.append(
                        range.upperBound == 0x10FFFF ? try wideCharacter(next) : try choice(try wide(0x80...range.upperBound, next)))
                }
            } else {
                choices += try wide(range, next)
            }
        }
        return try choice(choices)
    }

    static let beyondASCII: ClosedRange<UInt32> = 0x80...0x10FFFF

    private mutating func wideCharacter(_ next: Int32) throws(ConstraintError) -> Int32 {
        if let known = wideCharacters[next] { return known }
        let node = try choice(try wide(Self.beyondASCII, next))
        wideCharacters[next] = node
        return node
    }

    private mutating func appendASCII(_ range: ClosedRange<UInt8>, _ next: Int32, _ choices: inout [Int32]) throws(ConstraintError) {
        var escapes: [[UInt8]] = []
        for byte in range where byte < 0x20 || byte == 0x22 || byte == 0x5C { escapes.append(Self.escape(byte)) }
        if !escapes.isEmpty { choices.append(try anyOf(escapes, next)) }
        for plain: ClosedRange<UInt8> in [0x20...0x21, 0x23...0x5B, 0x5D...0x7F] where plain.overlaps(range) {
            let part = plain.clamped(to: range)
            choices.append(try add(.range(part.lowerBound, part.upperBound, next: next)))
        }
    }

    /// How a byte that may not stand in a JSON string as it is is written there.
    static func escape(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x22: Array(#"\""#.utf8)
        case 0x5C: Array(#"\\"#.utf8)
        case 0x08: Array(#"\b"#.utf8)
        case 0x0C: Array(#"\f"#.utf8)
        case 0x0A: Array(#"\n"#.utf8)
        case 0x0D: Array(#"\r"#.utf8)
        case 0x09: Array(#"\t"#.utf8)
        default: Array((byte < 16 ? #"\u000"# : #"\u00"#).utf8) + Array(String(byte, radix: 16).utf8)
        }
    }

    /// Scalars beyond ASCII as sequences of bytes, surrogates left out.
    private mutating func wide(_ range: ClosedRange<UInt32>, _ next: Int32) throws(ConstraintError) -> [Int32] {
        var nodes: [Int32] = []
        for part: ClosedRange<UInt32> in [0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF] where part.overlaps(range) {
            let part = part.clamped(to: range)
            try append(Self.bytes(part.lowerBound), Self.bytes(part.upperBound), next, &nodes)
        }
        return nodes
    }

    private static func bytes(_ scalar: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | (scalar >> shift & 0x3F)) }
        if scalar < 0x800 { return [UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6), tail(0)] }
        if scalar < 0x10000 { return [UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12), tail(6), tail(0)] }
        return [UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18), tail(12), tail(6), tail(0)]
    }

    /// All sequences of one length between two.
    private mutating func append(
        _ first: [UInt8], _ last: [UInt8], _ next: Int32, _ nodes: inout [Int32]
    ) throws(ConstraintError) {
        nodes.append(try between(first[...], last[...], next))
    }

    private mutating func between(
        _ first: ArraySlice<UInt8>, _ last: ArraySlice<UInt8>, _ next: Int32
    ) throws(ConstraintError) -> Int32 {
        guard let low = first.first, let high = last.first else { return next }
        let (lows, highs) = (first.dropFirst(), last.dropFirst())
        let (least, most) = (lows.map { _ in UInt8(0x80) }[...], lows.map { _ in UInt8(0xBF) }[...])
        if low == high { return try add(.range(low, low, next: try between(lows, highs, next))) }
        var choices: [Int32] = []
        var (from, to) = (low, high)
        if !lows.elementsEqual(least) {
            choices.append(try add(.range(low, low, next: try between(lows, most, next))))
            from += 1
        }
        if !highs.elementsEqual(most) {
            choices.append(try add(.range(high, high, next: try between(least, highs, next))))
            to -= 1
        }
        if from <= to { choices.append(try add(.range(from, to, next: try between(least, most, next)))) }
        return try choice(choices)
    }
}
