import Foundation

/// How much of the long tests is done: all of it under TALA_TORTURE=1, else a sample that another
/// seed moves.
package enum Extent {
    /// Times as many places as in the short form.
    package static let factor = ProcessInfo.processInfo.environment["TALA_EXTENT"].flatMap { Int($0) } ?? 1
    package static let isFull = ProcessInfo.processInfo.environment["TALA_TORTURE"] == "1"
    package static let seed = ProcessInfo.processInfo.environment["TALA_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)

    /// All places from 1 on in a full run, else about `count` of them, evenly with a random start.
    package static func places(upTo last: Int, about count: Int) -> [Int] {
        let count = count * factor
        if isFull || last <= count { return last > 0 ? Array(1...last) : [] }
        let stride = max(1, last / count)
        return Array(Swift.stride(from: 1 + Int(seed % UInt64(stride)), through: last, by: stride))
    }

    /// How often something random is tried: `full` times in a full run, else `short` times the
    /// factor, `full` at most.
    package static func times(_ short: Int, full: Int) -> Int { isFull ? full : min(full, short * factor) }

    /// `count` places from 1 on, evenly with a random start.
    package static func spread(upTo last: Int, count: Int) -> [Int] {
        let stride = max(1, last / max(1, count))
        return Array(Swift.stride(from: 1 + Int(seed % UInt64(stride)), through: last, by: stride))
    }

    /// Writes a figure for docs/reliability.md, which scripts/torture collects.
    package static func report(_ name: String, _ count: Int) {
        print("TORTURE \(name) \(count) seed \(seed)")
        guard let path = ProcessInfo.processInfo.environment["TALA_TORTURE_REPORT"] else { return }
        guard let file = fopen(path, "a") else { return }
        fputs("\(name)\t\(count)\t\(seed)\n", file)
        fclose(file)
    }
}
