import Glibc
import Jobs
import Spool
import Storage

/// Work that failed for a reason that may pass: done again by the loop's timer, later and later,
/// until it succeeds.
final class Retries {
    /// - Parameter tries: how often it has failed already.
    typealias Work = (_ tries: Int) throws -> Void

    private struct Item {
        let work: Work
        var tries: Int
        /// Seconds of the monotonic clock.
        var due: Double
    }
    private var items: [String: Item] = [:]
    private let journal: Journal

    init(_ journal: Journal) { self.journal = journal }

    var isEmpty: Bool { items.isEmpty }
    var nextDue: Double? { items.values.map(\.due).min() }
    func contains(_ key: String) -> Bool { items[key] != nil }
    func remove(_ key: String) { items[key] = nil }

    /// Does something now; if it cannot be done, again later until it can be.
    func retryUntilDone(_ key: String, _ work: @escaping Work) {
        // What waits already keeps its time: a full disk is not asked more often because more is to
        // be written.
        guard !contains(key) else { return }
        attempt(key, Item(work: work, tries: 0, due: 0))
    }

    /// Does something later that has failed already.
    func retryLater(_ key: String, tries: Int, after delay: Double, _ work: @escaping Work) {
        items[key] = Item(work: work, tries: tries, due: Clock.monotonic() + delay)
    }

    /// Does what is due, the longest overdue first.
    func runDue() {
        let now = Clock.monotonic()
        let due = items.filter { $0.value.due <= now }.sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        for (key, _) in due { items[key] = nil }
        for (key, item) in due { attempt(key, item) }
    }

    private func attempt(_ key: String, _ item: Item) {
        do { try item.work(item.tries) } catch {
            // The first time, and then less and less often.
            if item.tries & (item.tries + 1) == 0 { journal.log(.error, "\(key): \(error); trying again") }
            retryLater(key, tries: item.tries + 1, after: Self.delay(tries: item.tries + 1), item.work)
        }
    }

    /// Seconds to wait after this many failures: a tenth, doubled each time, half a minute at most.
    static func delay(tries: Int) -> Double { min(30, 0.1 * Double(1 << min(max(0, tries - 1), 10))) }

    /// Does something without which the daemon cannot begin. What may pass is waited for, the rest
    /// for some seconds.
    static func persist<Value>(_ journal: Journal, _ mustStop: () -> Bool, _ work: () throws -> Value) throws -> Value {
        var tries = 0
        while true {
            do { return try work() } catch let error as StorageError {
                tries += 1
                guard error.isTransient || error.isOutOfSpace || error.errorNumber == EIO && tries < 8, !mustStop() else { throw error }
                if tries & (tries - 1) == 0 { journal.log(.error, "\(error); trying again") }
                usleep(UInt32(min(1, delay(tries: tries)) * 1_000_000))
            }
        }
    }
}
