import Foundation

/// How often each route was asked, with which statuses, and how long answers took: for /metrics.
final class RequestCounts: Sendable {
    struct Key: Hashable, Sendable {
        var route: String
        var method: String
        var status: Int
    }
    struct Sum: Sendable {
        var count = 0
        /// Seconds until the answer began.
        var seconds = 0.0
    }
    private let sums = Locked<[Key: Sum]>([:])
    private let refusals = Locked(0)

    func add(_ key: Key, seconds: Double) {
        sums.change {
            $0[key, default: Sum()].count += 1
            $0[key, default: Sum()].seconds += seconds
        }
    }

    /// Counts a key that was not known.
    func addRefusedKey() { refusals.change { $0 += 1 } }
    var refusedKeys: Int { refusals.get() }

    /// By route, method and status.
    var all: [(key: Key, sum: Sum)] {
        sums.get().map { ($0.key, $0.value) }.sorted {
            ($0.0.route, $0.0.method, $0.0.status) < ($1.0.route, $1.0.method, $1.0.status)
        }
    }
}
