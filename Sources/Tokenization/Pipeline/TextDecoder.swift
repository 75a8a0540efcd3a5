/// Turns tokens back into text: the `decoder` of tokenizer.json, step by step over the list of token texts.
indirect enum TextDecoder: Sendable {
    case sequence([TextDecoder])
    case replace(String, with: String)
    case byteFallback
    case fuse
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case byteLevel
    case metaspace(replacement: Unicode.Scalar, strips: Bool)
    case wordPiece(prefix: String)
    case nothing

    func apply(_ tokens: [String]) -> [String] {
        switch self {
        case .nothing: return tokens
        case .sequence(let steps): return steps.reduce(tokens) { $1.apply($0) }
        case .replace(let pattern, let content):
            return tokens.map { token in
                guard !pattern.isEmpty else { return token }
                let found = Finder.string(Array(pattern.unicodeScalars)).find(in: Array(token.unicodeScalars))
                guard !found.isEmpty else { return token }
                let scalars = Array(token.unicodeScalars)
                var view = String.UnicodeScalarView()
                var position = 0
                for range in found {
                    view.append(contentsOf: scalars[position..<range.lowerBound])
                    view.append(contentsOf: content.unicodeScalars)
                    position = range.upperBound
                }
                view.append(contentsOf: scalars[position...])
                return String(view)
            }
        case .byteFallback:
            var result: [String] = []
            var bytes: [UInt8] = []
            func flush() {
                guard !bytes.isEmpty else { return }
                // Bytes that are no UTF-8 become one replacement character each, as the reference library does.
                if let text = String(validating: bytes, as: UTF8.self) { result.append(text) } else { result += bytes.map { _ in "\u{FFFD}" } }
                bytes = []
            }
            for token in tokens {
                if let byte = BytePairModel.byte(ofToken: token) { bytes.append(byte) } else {
                    flush()
                    result.append(token)
                }
            }
            flush()
            return result
        case .fuse: return [tokens.joined()]
        case .strip(let scalar, let start, let stop):
            return tokens.map { token in
                var scalars = Array(token.unicodeScalars)[...]
                for _ in 0..<start where scalars.first == scalar { scalars = scalars.dropFirst() }
                for _ in 0..<stop where scalars.last == scalar { scalars = scalars.dropLast() }
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars)
                return String(view)
            }
        case .byteLevel:
            var bytes: [UInt8] = []
            for token in tokens {
                // A token with a character outside the alphabet (an added one) stands for itself.
                let decoded = token.unicodeScalars.map { ByteAlphabet.byteOfScalar[$0] }
                if decoded.contains(nil) { bytes += Array(token.utf8) } else { bytes += decoded.compactMap { $0 } }
            }
            return [String(decoding: bytes, as: UTF8.self)]
        case .metaspace(let replacement, let strips):
            return tokens.enumerated().map { index, token in
                var view = String.UnicodeScalarView()
                for (position, scalar) in token.unicodeScalars.enumerated() {
                    if scalar == replacement {
                        if !(index == 0 && position == 0 && strips) { view.append(" ") }
                    } else {
                        view.append(scalar)
                    }
                }
                return String(view)
            }
        case .wordPiece(let prefix):
            return tokens.enumerated().map { index, token in
                index == 0 ? token : token.hasPrefix(prefix) ? String(token.dropFirst(prefix.count)) : " " + token
            }
        }
    }
}
