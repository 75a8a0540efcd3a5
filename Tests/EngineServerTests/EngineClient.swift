import EngineProtocol
import Foundation
import JSON
import TestSupport

/// The program tala-engine with the model that comes with the project, and a connection to it.
final class EngineProcess {
    let process = Process()
    let socket: String
    private let errors = Pipe()

    init(_ arguments: [String] = []) throws {
        socket = FileManager.default.temporaryDirectory.path + "/tala-\(UUID().uuidString.prefix(8)).sock"
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/tala-engine")
        process.arguments =
            ["--socket", socket, "--model", ReferenceSet.checkout + "/demo/model", "--device", "cpu", "--context-length", "256"] + arguments
        process.standardError = errors
        try process.run()
    }

    deinit {
        process.terminate()
        try? FileManager.default.removeItem(atPath: socket)
    }

    /// A new connection; waits for the engine as long as it lives.
    func connect() throws -> EngineClient {
        for _ in 0..<6_000 {
            if let client = EngineClient(socket) { return client }
            guard process.isRunning else { throw Ended(words: String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)) }
            usleep(10_000)
        }
        throw Ended(words: "it does not answer")
    }

    struct Ended: Error, CustomStringConvertible {
        var words: String
        var description: String { "the engine has ended: \(words)" }
    }
}

final class EngineClient {
    private let descriptor: Int32
    private var reader = FrameReader()
    private(set) var greeting: JSONNode = nil

    init?(_ path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0, let first = next() else { return nil }
        greeting = first
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            done += count
        }
    }

    func say(_ text: String) { write(FrameReader.frame(Array(text.utf8))) }

    /// The next message; nil when the engine has hung up.
    func next() -> JSONNode? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let message = try? reader.next() { return try? JSONParser().parse(message) }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            reader.append(buffer[..<count])
        }
    }

    /// Messages about a request up to its last.
    func answers(_ id: Int) -> [JSONNode] {
        var found: [JSONNode] = []
        while let message = next() {
            guard message["id"]?.integer == id else { continue }
            found.append(message)
            if ["done", "error", "result"].contains(message["type"]?.string ?? "") { break }
        }
        return found
    }
}
