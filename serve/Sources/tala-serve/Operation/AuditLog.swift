import Foundation
import JSON
import ServingAPI

/// Who has changed what, and who was refused: one line each, without a text of any request. With a
/// file it goes there as JSON Lines, else into the log.
///
/// Looking and asking is not written down, unless every request is to be.
final class AuditLog: Sendable {
    private let file: FileHandle?
    /// Whether every request is written down.
    private let logsAll: Bool

    /// - Throws: where the file cannot be opened.
    init(path: String?, logsAll: Bool) throws {
        self.logsAll = logsAll
        guard let path else {
            file = nil
            return
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Failure(path: path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    struct Failure: Error, CustomStringConvertible {
        var path: String
        var reason: String
        var description: String { "\(path) cannot be written: \(reason)" }
    }

    struct Entry: Sendable {
        var request: String
        var key: String
        var role: String
        var method: String
        /// The route's pattern, and the words that it leaves open: names, no texts.
        var route: String
        var parameters: [String]
        var status: Int
        var seconds: Double
    }

    func note(_ entry: Entry) {
        let isRefusal = entry.status == 401 || entry.status == 403
        // Questions are not changes, though they are sent by POST.
        let asks = [
            "/chat/completions", "/completions", "/responses", "/embeddings", "/tokenize", "/detokenize", "/moderations", "/input_tokens",
            "/apply-template",
        ]
        let changes = entry.method != "GET" && entry.method != "HEAD" && !asks.contains { entry.route.hasSuffix($0) }
        guard logsAll || changes || isRefusal else { return }
        let names = entry.parameters.map { JSONNode(String($0.prefix(128))) }
        let node: JSONNode = [
            "time": JSONNode(Int(Date().timeIntervalSince1970)), "request": JSONNode(entry.request), "key": JSONNode(entry.key),
            "role": JSONNode(entry.role), "method": JSONNode(entry.method), "route": JSONNode(entry.route), "names": JSONNode(names),
            "status": JSONNode(entry.status), "milliseconds": JSONNode(Int(entry.seconds * 1000)),
        ]
        if let file {
            try? file.write(contentsOf: Data((JSONWriter().string(node) + "\n").utf8))
        } else {
            ServerLog.note(
                "\(entry.method) \(entry.route) \(names.isEmpty ? "" : JSONWriter().string(JSONNode(names)) + " ")by "
                    + "\(entry.key.isEmpty ? "nobody" : entry.key): \(entry.status)", isRefusal ? .warning : .notice,
                [
                    ("REQUEST", entry.request), ("KEY", entry.key), ("ROLE", entry.role), ("ROUTE", entry.route),
                    ("STATUS", "\(entry.status)"),
                ])
        }
    }
}
