import Glibc

/// The two clocks: the monotonic one for durations, and the wall's, for stamps.
enum Clock {
    /// Others for the code of a test, on its own task only.
    @TaskLocal static var override: (any ClockSource)?

    static func monotonic() -> Double { override?.monotonic() ?? seconds(CLOCK_MONOTONIC) }

    static func wallMilliseconds() -> UInt64 { UInt64(max(0, min(4e15, (override?.wall() ?? seconds(CLOCK_REALTIME)) * 1000))) }

    static func wall() -> Int { Int(wallMilliseconds() / 1000) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// Where a daemon takes its time from, in seconds.
protocol ClockSource: Sendable {
    /// Of the monotonic clock.
    func monotonic() -> Double
    /// Since 1970; it may jump.
    func wall() -> Double
}
