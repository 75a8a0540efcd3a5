/// Failures in a row of one kind of work, and when it may be tried again: later and later, said
/// less and less often.
struct FailureCount {
    private(set) var count = 0
    private var allowedAt = -Double.infinity

    /// Whether the work may be tried now.
    var isAllowed: Bool { Clock.monotonic() >= allowedAt }

    mutating func succeeded() { count = 0 }

    /// - Parameter limit: the longest wait, in seconds.
    /// - Returns: whether this failure is to be reported.
    mutating func failed(limit: Double = 30) -> Bool {
        count += 1
        allowedAt = Clock.monotonic() + min(limit, Retries.delay(tries: count))
        return isWorthReporting
    }

    /// Whether this failure in a row is the first, second, fourth, eighth ...
    var isWorthReporting: Bool { count & (count - 1) == 0 }
}
