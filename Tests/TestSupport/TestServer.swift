import Foundation
import Glibc

/// A small HTTP/1.1 server for tests: it notes every request and answers as a closure says.
package final class TestServer: @unchecked Sendable {
    package struct Request: Sendable, Hashable {
        package var method: String
        /// With the query, as it was sent.
        package var path: String
        /// By names in lower case.
        package var fields: [String: String]
    }
    package struct Answer: Sendable {
        package var status = 200
        package var fields: [(String, String)] = []
        package var body: [UInt8] = []
        /// Bytes of the body after which the connection is closed without a word.
        package var cutAfter: Int?

        package init(status: Int = 200, fields: [(String, String)] = [], body: [UInt8] = [], cutAfter: Int? = nil) {
            (self.status, self.fields, self.body, self.cutAfter) = (status, fields, body, cutAfter)
        }

        package static func text(_ text: String, status: Int = 200) -> Answer { Answer(status: status, body: Array(text.utf8)) }
        package static func redirect(_ status: Int, to place: String) -> Answer { Answer(status: status, fields: [("Location", place)]) }
    }

    package let port: UInt16
    private let listener: Int32
    private let answer: @Sendable (Request) -> Answer
    private let lock = NSLock()
    private var noted: [Request] = []

    package var address: String { "http://127.0.0.1:\(port)" }
    /// All requests so far.
    package var requests: [Request] { lock.withLock { noted } }

    package init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
        self.answer = answer
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        listener = socket
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && listen(socket, 64) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: place.sin_port)
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(socket, nil, nil)
                guard connection >= 0 else { return }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                self?.serve(connection)
                close(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ connection: Int32) {
        guard let request = Self.read(connection) else { return }
        lock.withLock { noted.append(request) }
        let answer = answer(request)
        var head = "HTTP/1.1 \(answer.status) Word\r\nConnection: close\r\nContent-Length: \(answer.body.count)\r\n"
        for (name, value) in answer.fields { head += "\(name): \(value)\r\n" }
        let body = answer.body.prefix(answer.cutAfter ?? answer.body.count)
        Self.send(Array((head + "\r\n").utf8) + body, connection)
        shutdown(connection, Int32(SHUT_WR))
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !bytes.contains(sequence: Array("\r\n\r\n".utf8)) {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return Request(method: words[0], path: words[1], fields: fields)
    }

    private static func send(_ bytes: [UInt8], _ connection: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

extension [UInt8] {
    fileprivate func contains(sequence: [UInt8]) -> Bool {
        guard count >= sequence.count else { return false }
        return (0...(count - sequence.count)).contains { self[$0..<($0 + sequence.count)].elementsEqual(sequence) }
    }
}
