import Glibc

/// What the terminal can show.
package struct Terminal {
    /// Whether standard error is a terminal that understands escape codes.
    let isInteractive: Bool
    let hasColours: Bool

    package init() {
        let dumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        isInteractive = isatty(STDERR_FILENO) == 1 && !dumb
        // Present and not empty, as no-color.org has it.
        hasColours = isatty(STDOUT_FILENO) == 1 && !dumb && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    }

    /// Columns of the terminal that standard error goes to, asked anew each time: a user may change
    /// them.
    var width: Int { Self.columns(STDERR_FILENO) ?? 80 }

    /// Columns of the terminal that standard output goes to, or nil where it is not a terminal.
    package var outputWidth: Int? { Self.columns(STDOUT_FILENO) }

    private static func columns(_ descriptor: Int32) -> Int? {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
    }

    package enum Colour: String { case red = "31", green = "32", yellow = "33", blue = "34", grey = "90" }

    package func coloured(_ text: String, _ colour: Colour) -> String { hasColours ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text }

    /// Text without control characters, which could do things to a terminal.
    package static func safe(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0 }))
    }

    /// A row of blocks, one for each number, from the lowest to the highest.
    package static func sparkline(_ numbers: [Double], width: Int) -> String {
        let blocks = Array("▁▂▃▄▅▆▇█")
        let shown = numbers.suffix(width)
        guard let low = shown.min(), let high = shown.max(), high > low else { return String(repeating: "▁", count: shown.count) }
        return String(shown.map { blocks[Int(min(7, (($0 - low) / (high - low) * 7.99).rounded(.down)))] })
    }

    static func bar(_ share: Double, width: Int) -> String {
        let filled = Int((min(1, max(0, share)) * Double(width)).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    package static func duration(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds), 1e9).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    package static func decimal(_ number: Double, _ digits: Int) -> String {
        var factor = 1.0
        for _ in 0..<digits { factor *= 10 }
        let rounded = (abs(number) * factor).rounded()
        guard rounded < 1e15 else { return "\(number)" }
        let text = String(Int(rounded))
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return (number < 0 ? "-" : "") + padded.dropLast(digits) + (digits > 0 ? "." + padded.suffix(digits) : "")
    }
}
