import Basics
import Storage

/// How far a download has come: one line, drawn anew on a terminal; elsewhere a line for each file.
package struct DownloadLine {
    private let terminal = Terminal()
    private let began = MonotonicClock.seconds()
    private var lastDrawn = -1.0
    private var lastFile = ""
    /// What was there when the first figure came is not this download's work.
    private var firstBytes: Int?

    package init() {}

    package mutating func show(_ file: String, bytesDone: Int, bytesTotal: Int) {
        let now = MonotonicClock.seconds()
        if firstBytes == nil { firstBytes = bytesDone }
        guard terminal.isInteractive else {
            if file != lastFile { StandardError.write("\(Terminal.safe(file)) (\(Self.size(bytesTotal)) in all)\n") }
            lastFile = file
            return
        }
        guard file != lastFile || now - lastDrawn > 0.2 || bytesDone == bytesTotal else { return }
        (lastFile, lastDrawn) = (file, now)
        let speed = Double(bytesDone - (firstBytes ?? 0)) / max(0.1, now - began)
        let left = speed > 0 ? "  " + Terminal.duration(Double(bytesTotal - bytesDone) / speed) + " left" : ""
        let text =
            Terminal.bar(Double(bytesDone) / Double(max(1, bytesTotal)), width: 20)
            + "  \(Self.size(bytesDone)) of \(Self.size(bytesTotal))  \(Self.size(Int(min(speed, 1e15))))/s\(left)  \(Terminal.safe(file))"
        StandardError.write("\r\u{1B}[K" + DisplayWidth.fitting(text, max(1, terminal.width - 1)))
    }

    /// Leaves the line as it is.
    package func finish() { if terminal.isInteractive, lastDrawn >= 0 { StandardError.write("\n") } }

    /// Bytes as people read them.
    package static func size(_ bytes: Int) -> String {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << shift {
            return Terminal.decimal(Double(bytes) / Double(1 << shift), 1) + " " + unit
        }
        return "\(bytes) B"
    }
}
