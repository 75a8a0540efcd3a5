import Foundation

/// What the server says to whoever keeps the machine: the system's journal under systemd, with
/// fields, or standard error. No text of a request or an answer goes here.
enum ServerLog {
    enum Level: Int, Sendable { case error = 3, warning = 4, notice = 5, information = 6 }

    /// - Parameter fields: names in capitals, as the journal has them, without `TALA_`.
    static func note(_ message: String, _ level: Level = .information, _ fields: [(String, String)] = []) {
        let line = oneLine(message)
        if let journal, journal.send(line, level, fields) { return }
        let more = fields.isEmpty ? "" : " " + fields.map { "\($0.0.lowercased())=\(oneLine($0.1))" }.joined(separator: " ")
        FileHandle.standardError.write(Data("tala-serve: \(line)\(more)\n".utf8))
    }

    /// A text without control characters: nobody writes another line, or to a terminal.
    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }

    /// Only where standard error is the journal's: a server in a terminal writes there.
    private static let journal: JournalSocket? =
        ProcessInfo.processInfo.environment["JOURNAL_STREAM"] == nil ? nil : JournalSocket()
}

/// The journal's own socket, which takes fields (systemd's "Native Journal Protocol").
private struct JournalSocket: Sendable {
    private let descriptor: Int32

    init?() {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("/run/systemd/journal/socket".utf8)) }
        let made = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { return nil }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(made, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            close(made)
            return nil
        }
        descriptor = made
    }

    /// - Returns: whether the journal has taken it.
    func send(_ message: String, _ level: ServerLog.Level, _ fields: [(String, String)]) -> Bool {
        var text = "MESSAGE=\(message)\nPRIORITY=\(level.rawValue)\nSYSLOG_IDENTIFIER=tala-serve\n"
        for (name, value) in fields { text += "TALA_\(name)=\(value.replacingOccurrences(of: "\n", with: " "))\n" }
        return Array(text.utf8).withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } >= 0
    }
}
