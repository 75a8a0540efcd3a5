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
    }
    private let descriptor: Int32
    private let state = Mutex(State())
    private let writing = Mutex(())
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
            if let message = try? reader.next() { return try? JSONParser().parse(message) }
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
        for (id, stream) in left {
            stream.yield(["type": "error", "id": JSONNode(id), "code": "engine_failed", "message": "the engine has ended", "param": nil])
            stream.finish()
        }
        close(descriptor)
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
            if !state.isClosed { state.streams[state.nextID] = continuation }
            return state.nextID
        }
        if isClosed || !send(message(id)) {
            _ = state.withLock { $0.streams.removeValue(forKey: id) }
            continuation.yield([
                "type": "error", "id": JSONNode(id), "code": "engine_failed", "message": "the engine has ended", "param": nil,
            ])
            continuation.finish()
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
        _ = send(["type": "cancel", "id": JSONNode(id)])
    }

    /// Hangs up.
    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private func send(_ message: JSONNode) -> Bool {
        let bytes = FrameReader.frame(JSONWriter().bytes(message))
        return writing.withLock { _ in
            bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return false }
                var done = 0
                while done < buffer.count {
                    let count = Foundation.send(descriptor, start + done, buffer.count - done, Int32(MSG_NOSIGNAL))
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { return false }
                    done += count
                }
                return true
            }
        }
    }
}
