import Glibc

/// What the terminal can show.
struct Terminal {
    /// Whether standard error is a terminal that understands escape codes.
    let isInteractive: Bool
    let hasColours: Bool
    let width: Int
    /// Columns of the terminal that standard output goes to, or nil where it is none.
    let outputWidth: Int?

    init() {
        let dumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        isInteractive = isatty(2) == 1 && !dumb
        // Present and not empty, as no-color.org has it.
        hasColours = isatty(1) == 1 && !dumb && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
        var size = winsize()
        outputWidth = ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : nil
        width = ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    enum Colour: String { case red = "31", green = "32", yellow = "33", blue = "34", grey = "90" }

    func coloured(_ text: String, _ colour: Colour) -> String { hasColours ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text }

    /// Text without control characters, which could do things to a terminal.
    static func safe(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0 }))
    }

    /// A row of blocks, one for each number, from the lowest to the highest.
    static func sparkline(_ numbers: [Double], width: Int) -> String {
        let blocks = Array("▁▂▃▄▅▆▇█")
        let shown = numbers.suffix(width)
        guard let low = shown.min(), let high = shown.max(), high > low else { return String(repeating: "▁", count: shown.count) }
        return String(shown.map { blocks[Int(min(7, (($0 - low) / (high - low) * 7.99).rounded(.down)))] })
    }

    static func bar(_ share: Double, width: Int) -> String {
        let filled = Int((min(1, max(0, share)) * Double(width)).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds), 1e9).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    static func decimal(_ number: Double, _ digits: Int) -> String {
        var factor = 1.0
        for _ in 0..<digits { factor *= 10 }
        let rounded = (abs(number) * factor).rounded()
        guard rounded < 1e15 else { return "\(number)" }
        let text = String(Int(rounded))
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return (number < 0 ? "-" : "") + padded.dropLast(digits) + (digits > 0 ? "." + padded.suffix(digits) : "")
    }
}
