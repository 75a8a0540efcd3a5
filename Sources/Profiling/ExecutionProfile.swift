package import Graph
import Tensors

/// Where the time of one run of a program went: by kind of operation, or by kind and shape.
package struct ExecutionProfile: Sendable {
    /// The calls of one kind.
    package struct Entry: Sendable {
        /// The operation's name.
        package var name: String
        /// Its attributes and operands' types where shapes are kept apart, else empty.
        package var detail: String
        package var calls: Int
        package var seconds: Double
        package var cost: Cost
        /// The least seconds that the calls can take, by ``DevicePeaks/floor(_:_:)``.
        package var floorSeconds: Double

        package init(name: String, detail: String, calls: Int, seconds: Double, cost: Cost, floorSeconds: Double) {
            self.name = name
            self.detail = detail
            self.calls = calls
            self.seconds = seconds
            self.cost = cost
            self.floorSeconds = floorSeconds
        }

        package var operationsPerSecond: Double { seconds > 0 ? cost.floatingPointOperations / seconds : 0 }
        package var bytesPerSecond: Double { seconds > 0 ? (cost.bytesRead + cost.bytesWritten) / seconds : 0 }
        /// How many times longer than the floor.
        package var distance: Double { floorSeconds > 0 ? seconds / floorSeconds : 0 }
    }

    /// The longest first.
    package private(set) var entries: [Entry] = []
    package var seconds: Double { entries.reduce(0) { $0 + $1.seconds } }
    package var floorSeconds: Double { entries.reduce(0) { $0 + $1.floorSeconds } }
    package var cost: Cost { entries.reduce(.zero) { $0 + $1.cost } }

    /// - Parameters:
    ///   - seconds: what ``Executable/profile()`` gave for this plan.
    ///   - visiblePairs: pairs of a query and a key that it sees in the batch that ran, for the
    ///     cost of attention; nil: one example fills the rows.
    ///   - separatesShapes: one entry for each kind, attributes and shapes, else one for each kind.
    package init(_ plan: Plan, seconds: [Double], peaks: DevicePeaks, visiblePairs: Double? = nil, separatesShapes: Bool = false) {
        struct Key: Hashable {
            var name: String
            var detail: String
        }
        var found: [Key: Entry] = [:]
        for (call, time) in zip(plan.calls, seconds) {
            let key = Key(name: call.operation.name, detail: separatesShapes ? call.signature : "")
            let cost = call.cost(visiblePairs: visiblePairs)
            let type = call.inputs.map(\.elementType).filter(\.isFloatingPoint).min { $0.byteCount < $1.byteCount } ?? .float32
            var entry = found[key] ?? Entry(name: key.name, detail: key.detail, calls: 0, seconds: 0, cost: .zero, floorSeconds: 0)
            entry.calls += 1
            entry.seconds += time
            entry.cost = entry.cost + cost
            entry.floorSeconds += peaks.floor(cost, type)
            found[key] = entry
        }
        entries = found.values.sorted { ($1.seconds, $0.name, $0.detail) < ($0.seconds, $1.name, $1.detail) }
    }
}

extension ExecutionProfile {
    /// Adds another run's calls to those of the same kind.
    package mutating func add(_ other: ExecutionProfile) {
        for entry in other.entries {
            if let index = entries.firstIndex(where: { $0.name == entry.name && $0.detail == entry.detail }) {
                entries[index].calls += entry.calls
                entries[index].seconds += entry.seconds
                entries[index].cost = entries[index].cost + entry.cost
                entries[index].floorSeconds += entry.floorSeconds
            } else {
                entries.append(entry)
            }
        }
        entries.sort { ($1.seconds, $0.name, $0.detail) < ($0.seconds, $1.name, $1.detail) }
    }
}
