import Glibc

/// What this process holds, as the kernel counts it.
package enum ProcessMemory {
    /// Resident bytes now.
    package static var residentBytes: Int { field("VmRSS:") }
    /// The most bytes that were resident at one time.
    package static var peakResidentBytes: Int { field("VmHWM:") }

    /// A figure of /proc/self/status, in bytes; 0 where it is not there.
    private static func field(_ name: String) -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8_192)
        let count = fread(&bytes, 1, bytes.count, file)
        for line in String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n") where line.hasPrefix(name) {
            let words = line.dropFirst(name.count).split(whereSeparator: { $0 == " " || $0 == "\t" })
            return (words.first.flatMap { Int($0) } ?? 0) * 1_024
        }
        return 0
    }
}
