import Basics

/// Changes a chat template by its parts, so that most of what comes out is a template still: whole
/// statements with their bodies are taken out, doubled, put into others and moved between
/// templates, and expressions change places.
struct TemplateMutation {
    /// A piece of a template: text, an output, a tag alone (`set`), or a statement with all up to
    /// its end.
    private let parts: [[UInt8]]
    /// What stands between `{{` and `}}`.
    private let expressions: [[UInt8]]
    private let seeds: [[UInt8]]
    private let byteLimit: Int

    init(seeds: [[UInt8]], byteLimit: Int) {
        var (parts, expressions): ([[UInt8]], [[UInt8]]) = ([], [])
        for seed in seeds where seed.count <= 1 << 15 {
            for range in Self.parts(of: seed) {
                let part = Array(seed[range])
                if part.count <= byteLimit / 4 { parts.append(part) }
                if part.starts(with: Array("{{".utf8)), part.count > 4, part.count < 256 {
                    expressions.append(Array(part.dropFirst(2).dropLast(2)).filter { $0 != 0x0A })
                }
            }
        }
        (self.parts, self.expressions, self.byteLimit) = (parts, expressions, byteLimit)
        self.seeds = seeds.filter { $0.count <= byteLimit }
    }

    var isEmpty: Bool { seeds.isEmpty || parts.isEmpty || expressions.isEmpty }

    /// A changed seed.
    func next(_ random: inout SplitMix64) -> [UInt8] {
        var input = seeds[random.below(seeds.count)]
        for _ in 0...random.below(5) {
            change(&input, &random)
            if input.count > byteLimit { return seeds[random.below(seeds.count)] }
        }
        return input
    }

    private func change(_ input: inout [UInt8], _ random: inout SplitMix64) {
        let ranges = Self.parts(of: input)
        guard !ranges.isEmpty else { return input += parts[random.below(parts.count)] }
        let range = ranges[random.below(ranges.count)]
        let other = parts[random.below(parts.count)]
        switch random.below(8) {
        case 0: input.removeSubrange(range)
        case 1: input.insert(contentsOf: other, at: range.lowerBound)
        case 2: input.replaceSubrange(range, with: other)
        case 3: input.insert(contentsOf: Array(input[range]), at: range.upperBound)
        case 4: input.replaceSubrange(range, with: wrapped(Array(input[range]), &random))
        case 5:
            let second = ranges[random.below(ranges.count)]
            if range.upperBound <= second.lowerBound { input.insert(contentsOf: Array(input[range]), at: second.upperBound) }
        default:
            let expression = expressions[random.below(expressions.count)]
            if input[range].starts(with: Array("{{".utf8)), range.count >= 4 {
                let own = Array(input[(range.lowerBound + 2)..<(range.upperBound - 2)])
                input.replaceSubrange((range.lowerBound + 2)..<(range.upperBound - 2), with: combined(own, expression, &random))
            } else {
                input.insert(contentsOf: Array("{{".utf8) + expression + Array("}}".utf8), at: range.upperBound)
            }
        }
    }

    private func combined(_ own: [UInt8], _ other: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        func trimmed(_ bytes: [UInt8]) -> [UInt8] { bytes.filter { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "}") || bytes.count > 2 } }
        func signless(_ bytes: [UInt8]) -> [UInt8] {
            var part = trimmed(bytes)[...]
            while let first = part.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") || first == 0x20 {
                part = part.dropFirst()
            }
            while let last = part.last, last == UInt8(ascii: "-") || last == 0x20 { part = part.dropLast() }
            return Array(part)
        }
        let operators = [
            "~", "+", "-", "*", "//", "%", "**", "==", "<", " in ", " and ", " or ", " if ", "|join(", "|default(", "|batch(",
            "|replace('a', ",
        ]
        let (a, b) = (signless(own), signless(other))
        let sign = operators[random.below(operators.count)]
        let joined = Array("(".utf8) + a + Array((sign.hasPrefix("|") ? ")" + sign : ")" + sign + "(").utf8) + b + Array(")".utf8)
        return random.below(3) == 0 ? other : Array(" ".utf8) + joined + Array(" ".utf8)
    }

    private func wrapped(_ part: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        let pairs = [
            ("{% if messages %}", "{% endif %}"), ("{% for x in messages %}", "{% endfor %}"),
            ("{% for x in 'ab' recursive %}", "{% else %}e{% endfor %}"),
            ("{% set y %}", "{% endset %}{{ y }}"),
            ("{% macro m(a, b=1) %}", "{{ caller() if caller }}{% endmacro %}{{ m(1) }}{% call m(2) %}c{% endcall %}"),
            ("{% filter upper %}", "{% endfilter %}"), ("{% with z = messages %}", "{% endwith %}"),
            ("{% generation %}", "{% endgeneration %}"),
            ("{% autoescape true %}", "{% endautoescape %}"), ("{% raw %}", "{% endraw %}"), ("{% block q %}", "{% endblock %}"),
        ]
        let pair = pairs[random.below(pairs.count)]
        return Array(pair.0.utf8) + part + Array(pair.1.utf8)
    }

    /// The ranges of a template's parts, inner ones too. Text is not looked into beyond its tags:
    /// what is broken gives odd parts, and that is as well.
    private static func parts(of bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var open: [(name: String, start: Int)] = []
        var index = 0
        var textStart = 0
        while index + 1 < bytes.count {
            guard bytes[index] == UInt8(ascii: "{"), [UInt8(ascii: "{"), UInt8(ascii: "%"), UInt8(ascii: "#")].contains(bytes[index + 1])
            else {
                index += 1
                continue
            }
            if textStart < index { ranges.append(textStart..<index) }
            let close: [UInt8] = [bytes[index + 1] == UInt8(ascii: "{") ? UInt8(ascii: "}") : bytes[index + 1], UInt8(ascii: "}")]
            var end = index + 2
            while end + 1 < bytes.count, bytes[end] != close[0] || bytes[end + 1] != close[1] { end += 1 }
            end = min(bytes.count, end + 2)
            if bytes[index + 1] == UInt8(ascii: "%") {
                let inside = String(decoding: bytes[(index + 2)..<max(index + 2, end - 2)], as: UTF8.self)
                let word = String(inside.drop { !$0.isLetter }.prefix { $0.isLetter })
                if word.hasPrefix("end") {
                    if let start = open.popLast(), start.name == word.dropFirst(3) { ranges.append(start.start..<end) }
                } else if ["if", "for", "macro", "call", "filter", "with", "generation", "autoescape", "raw", "block"].contains(word)
                    || word == "set" && !inside.contains("=")
                {
                    open.append((word, index))
                } else if word == "set" {
                    ranges.append(index..<end)
                }
            } else {
                ranges.append(index..<end)
            }
            index = end
            textStart = end
        }
        if textStart < bytes.count { ranges.append(textStart..<bytes.count) }
        return ranges
    }
}
