/// What a template may use: it is code that somebody else wrote.
public struct TemplateLimits: Sendable, Hashable {
    /// Statements, expressions and loop passes that one rendering may take.
    public var steps = 5_000_000
    /// Bytes of output, and of any text made on the way.
    public var byteCount = 64 << 20
    /// Macros, loops and includes inside each other.
    public var depth = 100
    /// Numbers of one `range`, as Jinja's sandbox has it.
    public var rangeLength = 100_000

    public init() {}
}

/// The time that `strftime_now` tells.
public struct TemplateClock: Sendable, Hashable {
    public var year: Int
    public var month: Int
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }
}
