/// A part of a call that has been read.
package struct CallPiece: Sendable, Hashable {
    /// The number of the call in its answer.
    package var index: Int
    /// The name of the function, when it has been read.
    package var name: String?
    /// More of the arguments' text.
    package var arguments: String

    package init(index: Int, name: String? = nil, arguments: String = "") {
        (self.index, self.name, self.arguments) = (index, name, arguments)
    }
}

/// Reads calls in a form, byte by byte.
package struct CallReader: Sendable {
    /// A way in which what is read may go on: pieces of a frame, and where in them.
    private struct Frame: Sendable {
        var pieces: [CallForm.Piece]
        var piece = 0
        var offset = 0
        var goesOn: Bool
    }
    private enum Place: Sendable {
        case frames([Frame], isBehindName: Bool)
        case name([UInt8])
        case arguments(ObjectScanner)
        case done
        case failed
    }
    private let form: CallForm
    private var place: Place
    /// Bytes of a character that is not whole.
    private var held: [UInt8] = []
    /// Calls whose arguments have begun.
    package private(set) var count = 0
    /// Calls that are whole.
    package private(set) var finishedCount = 0

    /// - Parameter isTriggered: whether the form's trigger has been read.
    package init(_ form: CallForm, isTriggered: Bool) {
        self.form = form
        place = .done
        var frame = Frame(pieces: form.opening, goesOn: true)
        if isTriggered { frame.offset = form.trigger.count }
        place = .frames([frame], isBehindName: false)
        settle()
    }

    /// Whether what came is no call in this form.
    package var hasFailed: Bool { if case .failed = place { true } else { false } }
    package var isDone: Bool { if case .done = place { true } else { false } }
    /// Whether the arguments that are being read have a key twice.
    package var hasRepeatedKey: Bool { if case .arguments(let scanner) = place { scanner.hasRepeatedKey } else { false } }

    /// - Returns: what the bytes say, in order.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> [CallPiece] {
        var found: [CallPiece] = []
        for byte in bytes { append(byte, &found) }
        return found
    }

    private mutating func append(_ byte: UInt8, _ found: inout [CallPiece]) {
        switch place {
        case .done, .failed: break
        case .name(var bytes):
            let isName =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F || byte == 0x2D
            if isName {
                bytes.append(byte)
                place = bytes.count <= 256 ? .name(bytes) : .failed
                return
            }
            found.append(CallPiece(index: count, name: String(decoding: bytes, as: UTF8.self)))
            count += 1
            place = .frames([Frame(pieces: form.middle, goesOn: true)], isBehindName: true)
            settle()
            append(byte, &found)
        case .arguments(var scanner):
            scanner.append(byte)
            held.append(byte)
            if let text = Self.whole(&held) {
                if found.last?.index == count - 1, !found.isEmpty {
                    found[found.count - 1].arguments += text
                } else {
                    found.append(CallPiece(index: count - 1, arguments: text))
                }
            }
            place = .arguments(scanner)
            if scanner.isDone {
                finishedCount += 1
                var frames = [Frame(pieces: form.closing, goesOn: false)]
                if let between = form.between { frames.append(Frame(pieces: between, goesOn: true)) }
                place = .frames(frames, isBehindName: false)
                settle()
            }
        case .frames(let frames, let isBehindName):
            let left = frames.compactMap { Self.advanced($0, byte) }
            place = left.isEmpty ? .failed : .frames(left, isBehindName: isBehindName)
            settle()
        }
    }

    private static func advanced(_ frame: Frame, _ byte: UInt8) -> Frame? {
        var frame = frame
        guard frame.piece < frame.pieces.count else { return nil }
        switch frame.pieces[frame.piece] {
        case .text(let bytes):
            guard frame.offset < bytes.count, bytes[frame.offset] == byte else { return nil }
            frame.offset += 1
            if frame.offset == bytes.count { (frame.piece, frame.offset) = (frame.piece + 1, 0) }
        case .identifier(let length):
            frame.offset += 1
            if frame.offset == length { (frame.piece, frame.offset) = (frame.piece + 1, 0) }
        }
        return frame
    }

    /// Goes on behind a frame that is whole.
    private mutating func settle() {
        guard case .frames(let frames, let isBehindName) = place else { return }
        func isWhole(_ frame: Frame) -> Bool {
            guard frame.piece < frame.pieces.count else { return true }
            guard frame.piece == frame.pieces.count - 1, case .text(let bytes) = frame.pieces[frame.piece] else { return false }
            return frame.offset >= bytes.count
        }
        // While another way may still go on, the longer one counts.
        guard let whole = frames.first(where: isWhole), whole.goesOn || frames.count == 1 else { return }
        place = !whole.goesOn ? .done : isBehindName ? .arguments(ObjectScanner()) : .name([])
    }

    /// The text that the bytes make up, as far as it is whole.
    private static func whole(_ bytes: inout [UInt8]) -> String? {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            // A character has four bytes at most: more are none.
            guard bytes.count >= 4 else { return nil }
            defer { bytes = [] }
            return String(decoding: bytes, as: UTF8.self)
        }
        bytes = []
        return text
    }
}
