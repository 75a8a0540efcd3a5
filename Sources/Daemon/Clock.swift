import Glibc

/// The two clocks: one that nobody sets, for durations, and the wall's, for stamps.
enum Clock {
    static func monotonic() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    static func wallMilliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1000 + UInt64(max(0, time.tv_nsec) / 1_000_000)
    }

    static func wall() -> Int { Int(wallMilliseconds() / 1000) }
}
