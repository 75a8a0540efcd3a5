import Glibc
import Storage

/// Faults for a whole process, as its environment names them. Only the trial program calls this:
/// programs that are installed do not hold this module.
package enum FaultEnvironment {
    /// `TALA_FAULT` names the fault, `TALA_FAULT_REPORT` a file that gets a line for every
    /// operation it befalls.
    /// - Returns: false if the text names no fault.
    package static func install() -> Bool {
        guard let text = getenv("TALA_FAULT").map({ String(cString: $0) }), !text.isEmpty else { return true }
        guard let fault = Fault(text) else { return false }
        let report = getenv("TALA_FAULT_REPORT").map { String(cString: $0) }
        CurrentFileSystem.replaceInWholeProcess(
            FaultyFileSystem(fault) { operation in
                guard let report else { return }
                let descriptor = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
                let line = Array((operation + "\n").utf8)
                _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                close(descriptor)
            })
        return true
    }
}
