import CLinux
import Glibc

/// Files of `/proc` that are settings of this process.
package enum ProcessSettings {
    /// Writes a setting, if it is there and may be written.
    package static func write(_ text: String, to path: String) {
        let descriptor = tala_open(path, O_WRONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return }
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}
