import Basics

/// Makes inputs out of good ones: bits turned, bytes put in and taken out, parts doubled, moved and
/// taken from others, words of the format put in.
package struct Mutator {
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    private let byteLimit: Int
    /// For formats that are JSON: half of the inputs are.
    private let tree: TreeMutation?
    private let template: TemplateMutation?
    private var random: SplitMix64

    /// - Parameters:
    ///   - words: what the format's texts are made of.
    ///   - byteLimit: bytes that an input may have.
    ///   - structure: half of the inputs keep it.
    package init(seeds: [[UInt8]], words: [String], byteLimit: Int, structure: FuzzTarget.Structure = .bytes, seed: UInt64) {
        self.seeds = seeds.isEmpty ? [[]] : seeds
        self.words = (words + Self.commonWords).map { Array($0.utf8) }
        self.byteLimit = byteLimit
        let tree = structure == .json ? TreeMutation(seeds: seeds, words: words.map { $0.filter { $0 != "\"" } }) : nil
        self.tree = tree?.isEmpty == false ? tree : nil
        let template = structure == .template ? TemplateMutation(seeds: seeds, byteLimit: byteLimit) : nil
        self.template = template?.isEmpty == false ? template : nil
        random = SplitMix64(seed: seed)
    }

    private static let commonWords = [
        "\"", "{", "}", "[", "]", ":", ",", "null", "true", "false", "0", "-1", "-0", "1e400", "1e-400", "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616", "2147483648", "4294967296", "1.5", "NaN", "\\u0000", "\\ud800", "\\udc00", "\u{FEFF}",
        "\u{1F469}\u{200D}\u{1F469}", "e\u{301}",
        "\n", "\r\n", "\t", "[[[[[[[[", "{\"a\":{\"a\":{\"a\":",
    ]

    /// The next input.
    package mutating func next() -> [UInt8] {
        if let tree, random.below(2) == 0 {
            let input = tree.next(&random)
            if input.count <= byteLimit { return input }
        }
        if let template, random.below(4) > 0 { return template.next(&random) }
        var input = seeds[random.below(seeds.count)]
        if input.count > byteLimit {
            // A window of a large one.
            let start = random.below(input.count - byteLimit)
            input = Array(input[start..<(start + byteLimit)])
        }
        for _ in 0...random.below(random.below(4) == 0 ? 24 : 4) { change(&input) }
        if input.count > byteLimit { input.removeLast(input.count - byteLimit) }
        return input
    }

    private mutating func range(in input: [UInt8], longest: Int) -> Range<Int> {
        let start = random.below(input.count + 1)
        return start..<min(input.count, start + random.below(longest) + 1)
    }

    private mutating func change(_ input: inout [UInt8]) {
        let place = random.below(input.count + 1)
        switch random.below(12) {
        case 0 where !input.isEmpty: input[random.below(input.count)] ^= 1 << UInt8(random.below(8))
        case 1 where !input.isEmpty: input[random.below(input.count)] = UInt8(truncatingIfNeeded: random.next())
        case 2: input.removeSubrange(range(in: input, longest: 16))
        case 3: input.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 4, 5: input.insert(contentsOf: words[random.below(words.count)], at: place)
        case 6: input.replaceSubrange(range(in: input, longest: 8), with: words[random.below(words.count)])
        case 7:
            let part = Array(input[range(in: input, longest: 64)])
            for _ in 0...random.below(random.below(16) == 0 ? 200 : 3) where input.count < byteLimit {
                input.insert(contentsOf: part, at: place)
            }
        case 8:
            let other = seeds[random.below(seeds.count)]
            input.replaceSubrange(range(in: input, longest: 64), with: other[range(in: other, longest: 128)])
        case 9: input.removeLast(random.below(input.count + 1) / 2)
        case 10: changeNumber(&input)
        default: exchange(&input)
        }
    }

    /// Puts another number where one stands.
    private mutating func changeNumber(_ input: inout [UInt8]) {
        let start = random.below(input.count + 1)
        guard let first = input[start...].firstIndex(where: { (0x30...0x39).contains($0) }) else { return }
        let end = input[first...].firstIndex { !(0x30...0x39).contains($0) } ?? input.count
        let numbers = [
            "0", "-1", "1", "2147483647", "4294967295", "9223372036854775807", "1e308", "0.5", "99999999999999999999",
            "\(random.below(70000))",
        ]
        input.replaceSubrange(first..<end, with: Array(numbers[random.below(numbers.count)].utf8))
    }

    /// Changes the places of two parts.
    private mutating func exchange(_ input: inout [UInt8]) {
        let (a, b) = (range(in: input, longest: 32), range(in: input, longest: 32))
        let (low, high) = a.lowerBound <= b.lowerBound ? (a, b) : (b, a)
        guard low.upperBound <= high.lowerBound else { return }
        let (first, second) = (Array(input[low]), Array(input[high]))
        input.replaceSubrange(high, with: first)
        input.replaceSubrange(low, with: second)
    }
}
