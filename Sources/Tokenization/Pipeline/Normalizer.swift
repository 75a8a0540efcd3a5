import Foundation

/// Changes text before it is cut: the `normalizer` of tokenizer.json.
indirect enum Normalizer: Sendable {
    case sequence([Normalizer])
    case prepend(String)
    case replace(Finder, with: String)
    case nfc, nfd, nfkc, nfkd
    case lowercase
    case strip(left: Bool, right: Bool)
    case stripAccents
    case nothing

    func apply(_ text: AlignedText) -> AlignedText {
        switch self {
        case .sequence(let steps): return steps.reduce(text) { $1.apply($0) }
        case .nothing: return text
        case .prepend(let prefix):
            guard text.count > 0 else { return text }
            var result = AlignedText()
            for scalar in prefix.unicodeScalars { result.append(scalar, text.starts[0], text.starts[0]) }
            result.append(0..<text.count, of: text)
            return result
        case .replace(let finder, let content):
            let found = finder.find(in: text.scalars)
            guard !found.isEmpty else { return text }
            var result = AlignedText()
            var position = 0
            for range in found {
                result.append(position..<range.lowerBound, of: text)
                for scalar in content.unicodeScalars { result.append(scalar, text.starts[range.lowerBound], text.ends[range.upperBound - 1]) }
                position = range.upperBound
            }
            result.append(position..<text.count, of: text)
            return result
        case .nfc: return Self.byCluster(text) { $0.precomposedStringWithCanonicalMapping }
        case .nfd: return Self.byCluster(text) { $0.decomposedStringWithCanonicalMapping }
        case .nfkc: return Self.byCluster(text) { $0.precomposedStringWithCompatibilityMapping }
        case .nfkd: return Self.byCluster(text) { $0.decomposedStringWithCompatibilityMapping }
        case .lowercase:
            var result = AlignedText()
            for index in 0..<text.count {
                for scalar in text.scalars[index].properties.lowercaseMapping.unicodeScalars { result.append(scalar, text.starts[index], text.ends[index]) }
            }
            return result
        case .strip(let left, let right):
            var (start, end) = (0, text.count)
            if left { while start < end, text.scalars[start].properties.isWhitespace { start += 1 } }
            if right { while end > start, text.scalars[end - 1].properties.isWhitespace { end -= 1 } }
            return text.slice(start..<end)
        case .stripAccents:
            var result = AlignedText()
            for index in 0..<text.count where CharacterClass.classes(of: text.scalars[index]) & CharacterClass.mark == 0 {
                result.append(index..<(index + 1), of: text)
            }
            return result
        }
    }

    /// Normalises each run that composition cannot reach across: from one scalar below U+0300 to the next.
    private static func byCluster(_ text: AlignedText, _ transform: (String) -> String) -> AlignedText {
        guard text.scalars.contains(where: { $0.value >= 0x80 }) else { return text }
        var result = AlignedText()
        var start = 0
        while start < text.count {
            var end = start + 1
            while end < text.count, text.scalars[end].value >= 0x80 { end += 1 }
            if end == start + 1, text.scalars[start].value < 0x80 {
                result.append(start..<end, of: text)
            } else {
                let run = text.slice(start..<end)
                let changed = Array(transform(run.string).unicodeScalars)
                if changed == run.scalars {
                    result.append(0..<run.count, of: run)
                } else {
                    // Scalars that stay at either end keep their places; those between stand for the whole changed part.
                    var head = 0
                    while head < min(changed.count, run.count), changed[head] == run.scalars[head] { head += 1 }
                    var tail = 0
                    while tail < min(changed.count, run.count) - head, changed[changed.count - 1 - tail] == run.scalars[run.count - 1 - tail] { tail += 1 }
                    result.append(0..<head, of: run)
                    let from = head < run.count ? run.starts[head] : run.ends[run.count - 1]
                    let to = run.count - tail > 0 ? max(from, run.ends[run.count - tail - 1]) : from
                    for scalar in changed[head..<(changed.count - tail)] { result.append(scalar, from, to) }
                    result.append((run.count - tail)..<run.count, of: run)
                }
            }
            start = end
        }
        return result
    }
}

/// What a Replace or Split looks for: a fixed string or an expression.
enum Finder: Sendable {
    case string([Unicode.Scalar])
    case pattern(Pattern)

    func find(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
        switch self {
        case .pattern(let pattern): return pattern.matches(in: scalars)
        case .string(let wanted):
            guard let first = wanted.first else { return [] }
            var found: [Range<Int>] = []
            var position = 0
            while position + wanted.count <= scalars.count {
                if scalars[position] == first, wanted.count == 1 || scalars[position..<(position + wanted.count)].elementsEqual(wanted) {
                    found.append(position..<(position + wanted.count))
                    position += wanted.count
                } else {
                    position += 1
                }
            }
            return found
        }
    }
}
