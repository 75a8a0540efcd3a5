import Constraints
import JSON

/// Whether an automaton takes a text, byte by byte, and what it draws at random.
struct Acceptance {
    let recognizer: Recognizer

    init(_ automaton: Automaton) { recognizer = Recognizer(automaton) }

    init(_ schema: String) throws { self.init(try Automaton(schema: try JSONParser(depthLimit: 200).parse(schema))) }

    func takes(_ text: String) -> Bool { recognizer.accepts(recognizer.next(recognizer.start, Array(text.utf8))) }

    /// A text whose bytes are drawn among those that fit; nil where it is not done in time.
    func draw(_ random: inout some RandomNumberGenerator, limit: Int = 600) -> String? {
        var (state, bytes): (Int32, [UInt8]) = (recognizer.start, [])
        while bytes.count < limit {
            let next = (0...UInt8.max).map { recognizer.next(state, $0) }
            let fitting = (0...255).filter { next[$0] != Recognizer.dead }
            if recognizer.accepts(state), fitting.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                return String(validating: bytes, as: UTF8.self)
            }
            // What closes is drawn more often, so that texts end.
            let closing = fitting.filter { [0x22, 0x5D, 0x7D].contains($0) }
            guard
                let byte = (Int.random(in: 0..<3, using: &random) == 0 ? closing.randomElement(using: &random) : nil)
                    ?? fitting.randomElement(using: &random)
            else { return "stuck behind " + String(decoding: bytes, as: UTF8.self) }
            bytes.append(UInt8(byte))
            state = next[byte]
        }
        return nil
    }
}
