import Glibc

/// Numbers as C's printf and Python write them.
enum FloatFormat {
    /// A fixed count of digits behind the point.
    static func fixed(_ number: Double, digits: Int) -> String { print("%.*f", number, digits) }

    /// The types `e`, `E`, `f`, `F`, `g`, `G` and `%`.
    static func text(_ number: Double, _ kind: Unicode.Scalar, digits: Int, isAlternate: Bool = false) -> String {
        if kind == "%" { return print("%.*f", number * 100, digits) + "%" }
        let text = print("%" + (isAlternate ? "#" : "") + ".*" + String(kind), number, digits)
        return text
    }

    /// A float's own format with a precision: as `g`, but with at least one digit behind the point.
    static func general(_ number: Double, digits: Int, keepsPoint: Bool) -> String {
        let text = print("%.*g", number, digits)
        return keepsPoint && number.isFinite && !text.contains(".") && !text.contains("e") ? text + ".0" : text
    }

    private static func print(_ format: String, _ number: Double, _ digits: Int) -> String {
        let digits = min(max(digits, 0), 4096)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: digits + 512) { buffer in
            let count = withVaList([Int32(truncatingIfNeeded: digits), number]) {
                vsnprintf(buffer.baseAddress, buffer.count, format, $0)
            }
            return String(decoding: buffer.prefix(max(0, min(Int(count), buffer.count - 1))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
