package import JSON

/// One thing that can be wrong with an installation, what was found, and what to do.
package struct HealthCheck: Sendable {
    package enum Verdict: String, Sendable {
        case fine = "ok"
        /// Jobs run, but something is slower or less safe than it could be.
        case warning
        /// No job can run.
        case failure
    }

    package var name: String
    package var verdict: Verdict
    package var finding: String
    /// What to do; nil where there is nothing to do.
    package var remedy: String?

    package init(_ name: String, _ verdict: Verdict, _ finding: String, remedy: String? = nil) {
        self.name = name
        self.verdict = verdict
        self.finding = finding
        self.remedy = remedy
    }

    package var json: JSONNode {
        [
            "name": JSONNode(name), "verdict": JSONNode(verdict.rawValue), "finding": JSONNode(finding),
            "remedy": remedy.map { JSONNode($0) } ?? .null,
        ]
    }

    /// The check as a line, with a second one for what to do.
    package func lines(_ terminal: Terminal, nameWidth: Int) -> [String] {
        let (mark, colour): (String, Terminal.Colour) =
            switch verdict {
            case .fine: ("ok  ", .green)
            case .warning: ("WARN", .yellow)
            case .failure: ("FAIL", .red)
            }
        let padding = String(repeating: " ", count: max(0, nameWidth - name.count))
        let first = "\(terminal.coloured(mark, colour))  \(name)\(padding)  \(Terminal.safe(finding))"
        return [first] + (remedy.map { [String(repeating: " ", count: 8 + nameWidth) + "-> " + Terminal.safe($0)] } ?? [])
    }
}
