import EngineProtocol
import Foundation
import JSON
import Synchronization

/// The connection to one engine: requests go out with a number, and what the engine says of each
/// comes back as a stream of its own.
final class EngineLink: Sendable {
    private struct State {
        var streams: [Int: AsyncStream<JSONNode>.Continuation] = [:]
        var nextID = 1
        var isClosed = false
        /// Bytes that wait to be written.
        var unsent = 0
    }
    private let descriptor: Int32
    private let state = Mutex(State())
    /// Writes one message after the other: an engine in the middle of a step reads nothing, and no
    /// other request waits for that.
    private let writer = DispatchQueue(label: "engine")
    /// Bytes that may wait; more are refused, as a queue that is full.
    private static let unsentLimit = 2 * FrameReader.limit
    /// What the engine said of itself.
    let ready: JSONNode

    /// Connects and waits for the greeting, on a thread of its own: an engine greets when its model
    /// has been read.
    /// - Returns: nil if nobody listens there yet, or the engine has ended.
    static func connect(_ path: String) async -> EngineLink? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: EngineLink(path: path)) }
        }
    }

    private init?(path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { return nil }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(made, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        var reader = FrameReader()
        guard status == 0, let greeting = Self.next(made, &reader), greeting["type"]?.string == "ready" else {
            close(made)
            return nil
        }
        (descriptor, ready) = (made, greeting)
        let rest = reader
        Thread.detachNewThread { [self] in listen(rest) }
    }

    private static func next(_ descriptor: Int32, _ reader: inout FrameReader) -> JSONNode? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            do throws(FrameError) {
                if let message = try reader.next() { return try? JSONParser().parse(message) }
            } catch {
                // Nothing behind it can be read.
                return nil
            }
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            reader.append(buffer[..<count])
        }
    }

    private func listen(_ rest: FrameReader) {
        var reader = rest
        while let message = Self.next(descriptor, &reader) {
            guard let id = message["id"]?.integer else { continue }
            let isLast = ["done", "error", "result"].contains(message["type"]?.string ?? "")
            state.withLock { state in
                state.streams[id]?.yield(message)
                if isLast { state.streams.removeValue(forKey: id)?.finish() }
            }
        }
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.streams = [:] }
            return state.streams
        }
        for (id, stream) in left { Self.fail(stream, id, "engine_failed", "the engine has ended") }
        // What is being written comes to its end first, so that the number is nobody else's.
        shutdown(descriptor, Int32(SHUT_RDWR))
        writer.async { [descriptor] in close(descriptor) }
    }

    private static func fail(_ stream: AsyncStream<JSONNode>.Continuation, _ id: Int, _ code: String, _ message: String) {
        stream.yield(["type": "error", "id": JSONNode(id), "code": JSONNode(code), "message": JSONNode(message), "param": nil])
        stream.finish()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Requests that have not been answered.
    var openCount: Int { state.withLock { $0.streams.count } }

    /// Asks the engine.
    /// - Parameter message: by the number that the request is to have.
    func ask(_ message: (Int) -> JSONNode) -> (id: Int, answers: AsyncStream<JSONNode>) {
        let (stream, continuation) = AsyncStream<JSONNode>.makeStream()
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        let content = JSONWriter().bytes(message(id))
        guard content.count <= FrameReader.limit else {
            Self.fail(continuation, id, "request_too_large", "the request has more than \(FrameReader.limit) bytes as the engine gets it")
            return (id, stream)
        }
        enum Outcome { case closed, full, taken }
        let outcome: Outcome = state.withLock { state in
            if state.isClosed { return .closed }
            if state.unsent > 0, state.unsent + content.count > Self.unsentLimit { return .full }
            state.streams[id] = continuation
            return .taken
        }
        switch outcome {
        case .closed: Self.fail(continuation, id, "engine_failed", "the engine has ended")
        case .full: Self.fail(continuation, id, "queue_full", "more is waiting to be sent to the engine than it takes")
        case .taken: send(content)
        }
        return (id, stream)
    }

    /// One answer to one question.
    func result(_ message: (Int) -> JSONNode) async -> JSONNode? {
        for await answer in ask(message).answers { return answer }
        return nil
    }

    /// Ends a request: its stream gives nothing more.
    func cancel(_ id: Int) {
        guard let stream = state.withLock({ $0.streams.removeValue(forKey: id) }) else { return }
        stream.finish()
        send(JSONWriter().bytes(["type": "cancel", "id": JSONNode(id)]))
    }

    /// Hangs up.
    func hangUp() { state.withLock { if !$0.isClosed { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    /// Has a message written; if that fails the engine is gone, as ``listen(_:)`` notices.
    private func send(_ content: [UInt8]) {
        let isOpen = state.withLock { state in
            state.unsent += state.isClosed ? 0 : content.count
            return !state.isClosed
        }
        guard isOpen else { return }
        writer.async { [self] in
            write(FrameReader.frame(content))
            state.withLock { $0.unsent -= content.count }
        }
    }

    private func write(_ bytes: [UInt8]) {
        guard !isClosed else { return }
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            var done = 0
            while done < buffer.count {
                let count = Foundation.send(descriptor, start + done, buffer.count - done, Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                done += count
            }
        }
    }
}
