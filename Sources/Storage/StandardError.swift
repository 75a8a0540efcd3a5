import Glibc

/// Human-readable messages beside a program's output.
package enum StandardError {
    /// Writes text as it is, without a line end of its own.
    package static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
