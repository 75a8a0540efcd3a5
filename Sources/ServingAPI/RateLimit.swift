/// How much may be asked of a deployment, or with a key. Nil is no limit.
package struct RateLimit: Sendable, Hashable {
    package var requestsPerMinute: Int?
    /// Tokens of prompts and answers.
    package var tokensPerMinute: Int?
    package var tokensPerDay: Int?

    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, tokensPerDay: Int? = nil) {
        (self.requestsPerMinute, self.tokensPerMinute, self.tokensPerDay) = (requestsPerMinute, tokensPerMinute, tokensPerDay)
    }

    package var isNone: Bool { requestsPerMinute == nil && tokensPerMinute == nil && tokensPerDay == nil }
}

/// What is left of a limit. It comes back evenly: of 60 requests a minute one each second.
///
/// How many tokens a request takes is known at its end, and taken off then. So tokens may become
/// fewer than none, and nothing is begun until they have come back.
package struct RateAllowance: Sendable {
    /// A number that comes back with time.
    private struct Bucket: Sendable {
        var limit: Double
        var period: Double
        var left: Double
        var time: Double

        init(_ limit: Int, period: Double, _ now: Double) {
            (self.limit, self.period, left, time) = (Double(limit), period, Double(limit), now)
        }

        mutating func refill(_ now: Double) {
            left = min(limit, left + max(0, now - time) * limit / period)
            time = max(time, now)
        }

        /// Seconds until there is so much.
        func wait(for wanted: Double) -> Double { left >= wanted ? 0 : (wanted - left) * period / limit }
    }
    private var requests: Bucket?
    private var tokens: Bucket?
    private var daily: Bucket?
    package let limit: RateLimit

    /// - Parameter now: seconds of a clock that does not go back.
    package init(_ limit: RateLimit, now: Double) {
        self.limit = limit
        requests = limit.requestsPerMinute.map { Bucket($0, period: 60, now) }
        tokens = limit.tokensPerMinute.map { Bucket($0, period: 60, now) }
        daily = limit.tokensPerDay.map { Bucket($0, period: 86_400, now) }
    }

    private mutating func refill(_ now: Double) {
        requests?.refill(now)
        tokens?.refill(now)
        daily?.refill(now)
    }

    /// Takes a request off.
    /// - Parameter name: whose limit this is, for the error.
    /// - Throws: ``APIError`` with the time after which asking again makes sense.
    package mutating func take(_ name: String, now: Double) throws(APIError) {
        refill(now)
        let waits: [(String, Int?, Double)] = [
            ("requests per minute", limit.requestsPerMinute, requests?.wait(for: 1) ?? 0),
            ("tokens per minute", limit.tokensPerMinute, tokens?.wait(for: 1) ?? 0),
            ("tokens per day", limit.tokensPerDay, daily?.wait(for: 1) ?? 0),
        ]
        if let (unit, number, wait) = waits.max(by: { $0.2 < $1.2 }), wait > 0 {
            let seconds = Int(wait.rounded(.up))
            throw APIError(
                429, "Rate limit reached for \(name): \(number ?? 0) \(unit). Try again in \(seconds) s.",
                code: unit.hasSuffix("day") ? "insufficient_quota" : "rate_limit_exceeded", retryAfter: max(1, seconds))
        }
        requests?.left -= 1
    }

    /// Takes off what a request came to.
    package mutating func charge(tokens count: Int, now: Double) {
        refill(now)
        tokens?.left -= Double(count)
        daily?.left -= Double(count)
    }

    /// Takes off what was used of the day before this began to count.
    package mutating func chargeDay(tokens count: Int) { daily?.left -= Double(count) }

    /// What is left, as the official clients read it; nothing for what has no limit.
    package mutating func headers(now: Double) -> [(name: String, value: String)] {
        refill(now)
        var headers: [(name: String, value: String)] = []
        for (name, bucket) in [("requests", requests), ("tokens", tokens)] {
            guard let bucket else { continue }
            headers.append(("x-ratelimit-limit-\(name)", "\(Int(bucket.limit))"))
            headers.append(("x-ratelimit-remaining-\(name)", "\(max(0, Int(bucket.left)))"))
            headers.append(("x-ratelimit-reset-\(name)", Self.shown(bucket.wait(for: bucket.limit))))
        }
        return headers
    }

    /// Seconds as `1m30s`, below one as `250ms`.
    private static func shown(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int((seconds * 1_000).rounded(.up)))ms" }
        let whole = Int(seconds.rounded(.up))
        return whole < 60 ? "\(whole)s" : "\(whole / 60)m\(whole % 60)s"
    }

    /// The tighter of two sets of headers: for each name the one with less left.
    package static func tighter(
        _ first: [(name: String, value: String)], _ second: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        var result = first
        for kind in ["requests", "tokens"] {
            func left(_ headers: [(name: String, value: String)]) -> Int? {
                headers.first { $0.name == "x-ratelimit-remaining-\(kind)" }.flatMap { Int($0.value) }
            }
            guard let other = left(second) else { continue }
            if let own = left(first), own <= other { continue }
            result.removeAll { $0.name.hasSuffix("-\(kind)") }
            result += second.filter { $0.name.hasSuffix("-\(kind)") }
        }
        return result
    }
}
