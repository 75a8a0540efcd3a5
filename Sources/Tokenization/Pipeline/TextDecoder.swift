/// Turns tokens back into text: the `decoder` of tokenizer.json, step by step over the list of
/// token texts.
indirect enum TextDecoder: Sendable {
    case sequence([TextDecoder])
    case replace(Finder, with: String)
    case byteFallback
    case fuse
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case byteLevel
    case metaspace(replacement: Unicode.Scalar, strips: Bool)
    case wordPiece(prefix: String, cleansUp: Bool)
    case suffix(String)
    case ctc(padding: String, delimiter: String, cleansUp: Bool)
    case nothing

    func apply(_ tokens: [String]) -> [String] {
        switch self {
        case .nothing: return tokens
        case .sequence(let steps): return steps.reduce(tokens) { $1.apply($0) }
        case .replace(let finder, let content): return tokens.map { Self.replaced($0, finder, content) }
        case .byteFallback: return Self.joiningBytes(tokens)
        case .fuse: return [tokens.joined()]
        case .strip(let scalar, let start, let stop):
            return tokens.map { token in
                var scalars = Array(token.unicodeScalars)[...]
                for _ in 0..<start { if scalars.first == scalar { scalars = scalars.dropFirst() } else { break } }
                for _ in 0..<stop { if scalars.last == scalar { scalars = scalars.dropLast() } else { break } }
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars)
                return String(view)
            }
        case .byteLevel:
            var bytes: [UInt8] = []
            for token in tokens {
                // A token with a character outside the alphabet (an added one) stands for itself.
                if let decoded = ByteAlphabet.bytes(of: token) { bytes += decoded } else { bytes += Array(token.utf8) }
            }
            return [String(decoding: bytes, as: UTF8.self)]
        case .metaspace(let replacement, let strips):
            return tokens.enumerated().map { index, token in
                var view = String.UnicodeScalarView()
                for scalar in token.unicodeScalars {
                    if scalar != replacement { view.append(scalar) } else if !(index == 0 && strips) { view.append(" ") }
                }
                return String(view)
            }
        case .wordPiece(let prefix, let cleansUp):
            return tokens.enumerated().map { index, token in
                let text =
                    index == 0
                    ? token
                    : token.utf8.starts(with: prefix.utf8)
                        ? String(decoding: token.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : " " + token
                return cleansUp ? Self.cleaned(text) : text
            }
        case .suffix(let suffix):
            return tokens.enumerated().map { index, token in
                Self.replaced(token, .string(Array(suffix.utf8)), index == tokens.count - 1 ? "" : " ")
            }
        case .ctc(let padding, let delimiter, let cleansUp):
            var result: [String] = []
            for (index, token) in tokens.enumerated() where index == 0 || !token.utf8.elementsEqual(tokens[index - 1].utf8) {
                var text = Self.replaced(token, .string(Array(padding.utf8)), "")
                if cleansUp { text = Self.replaced(Self.cleaned(text), .string(Array(delimiter.utf8)), " ") }
                if !text.isEmpty { result.append(text) }
            }
            return result
        }
    }

    private static func replaced(_ token: String, _ finder: Finder, _ content: String) -> String {
        let text = AlignedText(Array(token.utf8), base: 0, tracksPlaces: false)
        return Normalizer.replace(finder, with: content).apply(text).string
    }

    private static func joiningBytes(_ tokens: [String]) -> [String] {
        var result: [String] = []
        var bytes: [UInt8] = []
        func flush() {
            guard !bytes.isEmpty else { return }
            // Bytes that are no UTF-8 become one replacement character each, as the reference
            // library does.
            if let text = String(validating: bytes, as: UTF8.self) { result.append(text) } else { result += bytes.map { _ in "\u{FFFD}" } }
            bytes = []
        }
        for token in tokens {
            if let byte = ByteTokens.byte(of: token) {
                bytes.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        return result
    }

    /// Takes away the spaces that cutting English put before punctuation and contractions.
    private static func cleaned(_ text: String) -> String {
        let pairs = [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
            (" 's", "'s"),
            (" 've", "'ve"), (" 're", "'re"),
        ]
        return pairs.reduce(text) { replaced($0, .string(Array($1.0.utf8)), $1.1) }
    }
}
