import Graph
package import JSON
import Tensors

/// A profile of the programs of a step as a human-readable table and as JSON.
package struct ProfileTable {
    private let peaks: DevicePeaks
    private var programs: [(name: String, profile: ExecutionProfile)] = []

    /// Runs of one program, as of several micro-batches, become one.
    package init(_ times: [ProgramTimes], _ peaks: DevicePeaks, separatesShapes: Bool) {
        self.peaks = peaks
        for times in times {
            let profile = ExecutionProfile(
                times.plan, seconds: times.seconds, peaks: peaks, visiblePairs: times.visiblePairs, separatesShapes: separatesShapes)
            if let index = programs.firstIndex(where: { $0.name == times.program }) {
                programs[index].profile.add(profile)
            } else {
                programs.append((times.program, profile))
            }
        }
    }

    package var text: String {
        let total = programs.reduce(0) { $0 + $1.profile.seconds }
        var lines: [String] = []
        let types = peaks.operationsPerSecond.sorted { $0.key.rawValue < $1.key.rawValue }
        lines.append(
            "peaks: " + types.map { "\($0.key.rawValue) products \(Self.decimal($0.value / 1e9, 0)) GFLOP/s, " }.joined()
                + "memory \(Self.decimal(peaks.bytesPerSecond / 1e9, 1)) GB/s")
        let heads = ["ms", "share", "calls", "GFLOP/s", "GB/s", "floor ms", "distance"]
        lines.append(heads.map { Self.right($0, 9) }.joined() + "  operation")
        for (name, profile) in programs {
            for entry in profile.entries { lines.append(Self.line(entry, total) + "  \(entry.name) \(entry.detail)") }
            let sum = ExecutionProfile.Entry(
                name: name, detail: "", calls: profile.entries.reduce(0) { $0 + $1.calls }, seconds: profile.seconds, cost: profile.cost,
                floorSeconds: profile.floorSeconds)
            lines.append(Self.line(sum, total) + "  = \(name)")
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ entry: ExecutionProfile.Entry, _ total: Double) -> String {
        [
            decimal(entry.seconds * 1e3, 3), decimal(entry.seconds / max(total, 1e-12) * 100, 1) + "%", "\(entry.calls)",
            decimal(entry.operationsPerSecond / 1e9, 1), decimal(entry.bytesPerSecond / 1e9, 1), decimal(entry.floorSeconds * 1e3, 3),
            decimal(entry.distance, 2),
        ].map { right($0, 9) }.joined()
    }

    package var json: JSONNode {
        JSONNode(
            programs.flatMap { name, profile in
                profile.entries.map { entry -> JSONNode in
                    [
                        "program": JSONNode(name), "operation": JSONNode(entry.name), "operands": JSONNode(entry.detail),
                        "calls": JSONNode(entry.calls), "seconds": .rounded(entry.seconds, 7),
                        "floating_point_operations": .rounded(entry.cost.floatingPointOperations, 0),
                        "bytes_read": .rounded(entry.cost.bytesRead, 0), "bytes_written": .rounded(entry.cost.bytesWritten, 0),
                        "floor_seconds": .rounded(entry.floorSeconds, 7),
                    ]
                }
            })
    }

    private static func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(1, width - text.count)) + text }

    private static func decimal(_ value: Double, _ digits: Int) -> String {
        let power = (0..<digits).reduce(1.0) { product, _ in product * 10 }
        let scaled = (value * power).rounded()
        guard scaled.isFinite, abs(scaled) < 1e15 else { return "-" }
        let figures = "\(Int(abs(scaled)))"
        let padded = String(repeating: "0", count: max(0, digits + 1 - figures.count)) + figures
        return (scaled < 0 ? "-" : "") + padded.dropLast(digits) + (digits > 0 ? "." + padded.suffix(digits) : "")
    }
}
