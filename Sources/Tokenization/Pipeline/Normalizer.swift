/// Changes text before it is cut: the `normalizer` of tokenizer.json.
indirect enum Normalizer: Sendable {
    case sequence([Normalizer])
    case prepend(String)
    case replace(Finder, with: String)
    case unicode(UnicodeNormalization)
    case lowercase
    case strip(left: Bool, right: Bool)
    case stripAccents
    case byteLevel
    case nmt
    case bert(BertNormalizer)
    case precompiled(PrecompiledCharacters)
    case nothing

    func apply(_ text: AlignedText) -> AlignedText {
        switch self {
        case .sequence(let steps): return steps.reduce(text) { $1.apply($0) }
        case .nothing: return text
        case .prepend(let prefix):
            guard text.count > 0 else { return text }
            var builder = AlignedTextBuilder(text)
            builder.insert(prefix.utf8, for: 0..<0)
            builder.copy(0..<text.count)
            return builder.result
        case .replace(let finder, let content):
            let found = finder.find(in: text)
            guard !found.isEmpty else { return text }
            let content = Array(content.utf8)
            var builder = AlignedTextBuilder(text)
            var position = 0
            for range in found {
                builder.copy(position..<range.lowerBound)
                builder.insert(content, for: range)
                position = range.upperBound
            }
            builder.copy(position..<text.count)
            return builder.result
        case .unicode(let form): return form.apply(text)
        case .lowercase:
            return Self.mapped(text) { scalar in
                scalar.properties.changesWhenLowercased ? Array(scalar.properties.lowercaseMapping.utf8) : nil
            }
        case .strip(let left, let right): return Self.stripped(text, left: left, right: right)
        case .stripAccents: return Self.mapped(text) { scalar in Self.mark.contains(scalar.value) ? [] : nil }
        case .byteLevel:
            var ranges: [Range<Int>] = []
            return ByteAlphabet.encoded(text, &ranges)
        case .nmt: return Self.mapped(text, NmtNormalizer.replacement)
        case .bert(let normalizer): return normalizer.apply(text)
        case .precompiled(let table): return table.apply(text)
        }
    }

    private static let mark = ScalarTable(UnicodeSets.oldMark)

    /// Puts other bytes in the place of each scalar for which `replacement` has some; an empty list
    /// removes it.
    static func mapped(_ text: AlignedText, _ replacement: (Unicode.Scalar) -> [UInt8]?) -> AlignedText {
        var builder: AlignedTextBuilder?
        var done = 0
        text.bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < bytes.count {
                let code = UTF8Scalars.scalar(bytes, position, bytes.count)
                let end = min(bytes.count, position + UTF8Scalars.width(bytes[position]))
                if let scalar = Unicode.Scalar(code), let other = replacement(scalar) {
                    if builder == nil { builder = AlignedTextBuilder(text) }
                    builder?.copy(done..<position)
                    builder?.insert(other, for: position..<end)
                    done = end
                }
                position = end
            }
        }
        guard builder != nil else { return text }
        builder?.copy(done..<text.count)
        return builder?.result ?? text
    }

    private static let whitespace = ScalarTable(UnicodeSets.whitespace)

    private static func stripped(_ text: AlignedText, left: Bool, right: Bool) -> AlignedText {
        let range = text.bytes.withUnsafeBufferPointer { bytes in
            var (start, end) = (0, bytes.count)
            if left {
                while start < end, whitespace.contains(UTF8Scalars.scalar(bytes, start, end)) { start += UTF8Scalars.width(bytes[start]) }
            }
            while right, end > start {
                let before = UTF8Scalars.before(bytes, end, start)
                guard whitespace.contains(UTF8Scalars.scalar(bytes, before, end)) else { break }
                end = before
            }
            return start..<max(start, end)
        }
        return text.slice(range)
    }
}
