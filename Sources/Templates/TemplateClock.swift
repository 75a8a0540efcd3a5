import Glibc

/// The time that `strftime_now` tells.
package struct TemplateClock: Sendable, Hashable {
    package var year: Int
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int

    package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// The beginning of the day, in UTC, in which a time lies: the same on every machine.
    /// - Parameter unixTime: seconds since 1970.
    package init(dayOf unixTime: Int) {
        var (seconds, parts) = (time_t(unixTime), tm())
        gmtime_r(&seconds, &parts)
        self.init(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
    }

    /// What the machine's clock shows now.
    package static var now: TemplateClock {
        var (seconds, parts) = (time(nil), tm())
        localtime_r(&seconds, &parts)
        return TemplateClock(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }
}
