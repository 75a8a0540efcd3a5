import EngineProtocol
import Glibc
import JSON

/// A program that talks to the engine, and what is still to be written to it.
final class Connection {
    let descriptor: Int32
    private var reader = FrameReader()
    private var outgoing: [UInt8] = []
    private var written = 0
    /// The engine's numbers of this program's requests, by its own.
    var requests: [Int: UInt64] = [:]
    /// Messages that are still being read, and the numbers of those that are not to be begun.
    var unread = 0
    var cancelled: Set<Int> = []
    let number: Int
    private(set) var isClosed = false

    /// Bytes that may wait to be written: a program that does not read is let go.
    private static let outgoingLimit = 4 * FrameReader.limit

    init(_ descriptor: Int32, number: Int) {
        (self.descriptor, self.number) = (descriptor, number)
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    var wantsToWrite: Bool { written < outgoing.count }

    /// Reads what has come; messages in order. Afterwards ``isClosed`` says whether the program has
    /// left or broken the rules.
    func receive() -> [[UInt8]] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var messages: [[UInt8]] = []
        // A few pieces at a time, so that nobody keeps the engine busy by talking.
        for _ in 0..<8 {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { isClosed = true }
            if count < 0, errno != EAGAIN, errno != EINTR { isClosed = true }
            guard count > 0 else { break }
            reader.append(buffer[..<count])
            do throws(FrameError) {
                while let message = try reader.next() { messages.append(message) }
            } catch {
                send(["type": "error", "id": .null, "code": "bad_frame", "message": JSONNode(error.description), "param": .null])
                isClosed = true
                break
            }
        }
        return messages
    }

    func send(_ message: JSONNode) { send(JSONWriter().bytes(message), id: message["id"]?.integer) }

    /// Sends a message as it is written; one that is too long becomes an error of its request.
    func send(_ message: [UInt8], id: Int?) {
        guard !isClosed else { return }
        var content = message
        if content.count > FrameReader.limit {
            let fault: JSONNode = [
                "type": "error", "id": id.map { JSONNode($0) } ?? .null, "code": "answer_too_large",
                "message": JSONNode("the answer would have more than \(FrameReader.limit) bytes"), "param": .null,
            ]
            content = JSONWriter().bytes(fault)
        }
        outgoing += FrameReader.frame(content)
        if outgoing.count - written > Self.outgoingLimit { isClosed = true }
    }

    /// Writes as much as the other side takes.
    func flush() {
        while wantsToWrite {
            let count = outgoing.withUnsafeBytes { bytes in
                bytes.baseAddress.map { Glibc.send(descriptor, $0 + written, bytes.count - written, Int32(MSG_NOSIGNAL)) } ?? 0
            }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else {
                isClosed = true
                return
            }
            written += count
        }
        outgoing.removeAll(keepingCapacity: true)
        written = 0
    }
}
