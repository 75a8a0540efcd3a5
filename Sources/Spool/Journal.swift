import CLinux
import Glibc
import Storage

/// The log of daemon and workers: journald's own protocol where standard error is the journal, so
/// that `journalctl TALA_JOB=...` finds things; else lines with a level.
package struct Journal {
    package enum Level: Int { case error = 3, warning = 4, notice = 5, information = 6 }
    /// Kinds of entries to search for: `journalctl MESSAGE_ID=...`.
    package enum Kind: String {
        case accepted = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c01"
        case rejected = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c02"
        case started = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c03"
        case ended = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c04"
        case workerDied = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c05"
        case refusedControl = "5a7f0c1be0a84a7b8e0f6f5d5a1f0c06"
    }
    /// What an entry is about.
    package struct Subject {
        package var job: String?
        package var step: Int?
        package var user: Int?
        package var device: String?

        package init(job: String? = nil, step: Int? = nil, user: Int? = nil, device: String? = nil) {
            (self.job, self.step, self.user, self.device) = (job, step, user, device)
        }
    }
    /// The program's name in the log.
    private let program: String
    private let socketPath: String?
    private let showsLevels: Bool

    package init(program: String = "talad") {
        self.program = program
        var status = stat()
        let named = getenv("JOURNAL_STREAM").map { String(cString: $0) }
        let isJournal = named != nil && fstat(2, &status) == 0 && named == "\(status.st_dev):\(status.st_ino)"
        socketPath = isJournal ? "/run/systemd/journal/socket" : nil
        showsLevels = isatty(2) == 0
    }

    /// Whether standard error is the system's log, in which entries have fields.
    package var isSystemLog: Bool { socketPath != nil }

    package func log(_ level: Level, _ message: String, _ kind: Kind? = nil, _ subject: Subject = Subject()) {
        if let socketPath, Datagram.send(Self.entry(level, message, kind, subject, program), to: socketPath) { return }
        StandardError.write((showsLevels ? "<\(level.rawValue)>" : "") + Self.escaped(message) + "\n")
    }

    /// Names come from outside: what they hold must stay on its line, do nothing to a terminal and
    /// not fill the log.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if result.utf8.count > 900 { return result + "…" }
            if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The entry as journald reads it: `NAME=value` lines; values never hold a line end here.
    package static func entry(
        _ level: Level, _ message: String, _ kind: Kind?, _ subject: Subject, _ program: String = "talad"
    ) -> [UInt8] {
        var fields = [("MESSAGE", escaped(message)), ("PRIORITY", "\(level.rawValue)"), ("SYSLOG_IDENTIFIER", program)]
        if let kind { fields.append(("MESSAGE_ID", kind.rawValue)) }
        if let job = subject.job { fields.append(("TALA_JOB", escaped(job))) }
        if let step = subject.step { fields.append(("TALA_STEP", "\(step)")) }
        if let user = subject.user { fields.append(("TALA_USER", "\(user)")) }
        if let device = subject.device { fields.append(("TALA_DEVICE", escaped(device))) }
        return fields.flatMap { Array("\($0)=\($1)\n".utf8) }
    }
}
