import Foundation
import JSON
import ServingAPI
import Storage
import Synchronization

/// What is left of the limits of deployments and keys.
///
/// What keys have used on a day is written down, so that a new start of the server gives nobody
/// more; minutes begin anew.
final class RateLimiter: Sendable {
    private struct State {
        var allowances: [String: RateAllowance] = [:]
        /// Tokens of keys by day.
        var used: [String: Int] = [:]
        var day = ""
        var isWritten = true
    }
    private let state = Mutex(State())
    private let file: String

    /// - Parameter folder: where usage is written down.
    init(folder: String) {
        file = folder + "/.usage.json"
        let today = Self.today
        let known = (try? DurableFiles.read(file, limit: 1 << 20)).flatMap { try? JSONParser().parse($0) }
        state.withLock { state in
            state.day = today
            guard known?["day"]?.string == today else { return }
            for member in known?["tokens"]?.object ?? [] { state.used[member.key] = member.node.integer ?? 0 }
        }
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    /// The day in universal time.
    private static var today: String {
        var (seconds, parts) = (time(nil), tm())
        gmtime_r(&seconds, &parts)
        return "\(parts.tm_year + 1900)-\(parts.tm_mon + 1)-\(parts.tm_mday)"
    }

    /// Takes a request off all of some limits.
    /// - Returns: headers of the answer, of the tightest limits.
    /// - Throws: ``APIError``, 429.
    func take(_ limits: [(name: String, limit: RateLimit)]) throws(APIError) -> [(name: String, value: String)] {
        let now = Self.now
        let outcome: Result<[(name: String, value: String)], APIError> = state.withLock { state in
            var headers: [(name: String, value: String)] = []
            // Nothing is taken off unless all limits allow it.
            var changed: [String: RateAllowance] = [:]
            do throws(APIError) {
                for (name, limit) in limits where !limit.isNone {
                    var allowance = Self.allowance(name, limit, state, now)
                    try allowance.take(name, now: now)
                    headers = RateAllowance.tighter(headers, allowance.headers(now: now))
                    changed[name] = allowance
                }
            } catch { return .failure(error) }
            state.allowances.merge(changed) { $1 }
            return .success(headers)
        }
        return try outcome.get()
    }

    /// What has been used today is not there any more.
    private static func allowance(_ name: String, _ limit: RateLimit, _ state: State, _ now: Double) -> RateAllowance {
        if let known = state.allowances[name], known.limit == limit { return known }
        var fresh = RateAllowance(limit, now: now)
        if let used = state.used[name] { fresh.chargeDay(tokens: used) }
        return fresh
    }

    /// Takes off what a request came to.
    func charge(_ names: [String], tokens: Int) {
        let (now, today) = (Self.now, Self.today)
        state.withLock { state in
            if state.day != today { (state.day, state.used) = (today, [:]) }
            for name in names {
                state.allowances[name]?.charge(tokens: tokens, now: now)
                guard name.hasPrefix("key ") else { continue }
                state.used[name, default: 0] += tokens
                state.isWritten = false
            }
        }
    }

    /// Writes down what was used, where that has changed.
    func write() {
        let text: String? = state.withLock { state in
            guard !state.isWritten else { return nil }
            state.isWritten = true
            let used = state.used.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) }
            return JSONWriter().string(["day": JSONNode(state.day), "tokens": JSONNode(used)]) + "\n"
        }
        if let text { try? DurableFiles.replace(file, with: text, mode: 0o640, durably: false) }
    }
}
