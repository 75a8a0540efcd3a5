package import JSON

/// What a job has used so far, by month, so that quotas of a month can be counted from the jobs'
/// own files.
package struct Usage: Sendable, Hashable {
    package struct Amount: Sendable, Hashable {
        package var trainedTokens = 0
        package var deviceSeconds = 0.0

        package init(trainedTokens: Int = 0, deviceSeconds: Double = 0) {
            self.trainedTokens = trainedTokens
            self.deviceSeconds = deviceSeconds
        }

        package var json: JSONNode { ["trained_tokens": JSONNode(trainedTokens), "device_seconds": JSONNode(deviceSeconds)] }

        package init(json: JSONNode?) {
            self.init(trainedTokens: json?["trained_tokens"]?.integer ?? 0, deviceSeconds: json?["device_seconds"]?.double ?? 0)
        }

        package static func += (left: inout Amount, right: Amount) {
            left.trainedTokens &+= right.trainedTokens
            left.deviceSeconds += right.deviceSeconds
        }
    }
    /// Keys are `2026-11`.
    package var months: [String: Amount] = [:]

    package init() {}

    package var total: Amount { months.values.reduce(into: Amount()) { $0 += $1 } }

    /// Adds time, and tokens up to a total: steps that are done again after a crash do not count
    /// twice.
    package mutating func add(deviceSeconds: Double, trainedTokensInAll: Int, month: String) {
        let new = max(0, trainedTokensInAll - total.trainedTokens)
        months[month, default: Amount()] += Amount(trainedTokens: new, deviceSeconds: max(0, deviceSeconds))
    }

    package static func += (left: inout Usage, right: Usage) {
        for (month, amount) in right.months { left.months[month, default: Amount()] += amount }
    }

    /// The month of a time in UTC, by the civil calendar (H. Hinnant, "chrono-compatible low-level
    /// date algorithms").
    package static func month(ofSeconds seconds: Int) -> String {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(year)-" + (month < 10 ? "0" : "") + "\(month)"
    }

    package var json: JSONNode {
        JSONNode(months.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value.json) })
    }

    package init(json: JSONNode?) {
        for member in json?.object ?? [] {
            months[member.key] = Amount(json: member.node)
        }
    }
}
