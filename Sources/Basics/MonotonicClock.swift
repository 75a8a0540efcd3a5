import Glibc

/// A clock that nobody sets: for durations, never for dates.
package enum MonotonicClock {
    /// Seconds since some moment that stays the same while the machine runs.
    package static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
