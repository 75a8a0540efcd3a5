import Basics
import Jobs
import Manifest
import Ranks

// What a job has used, and what it may use.
extension JobRunner {
    /// Adds the time since the last call to what the job has used, on each of its devices.
    func meter(trainedTokens: Int) {
        let now = MonotonicClock.seconds()
        status.usage.add(
            deviceSeconds: (now - meterStart) * Double(group.count), trainedTokensInAll: trainedTokens,
            month: Usage.month(ofSeconds: Self.wallTime()))
        meterStart = now
        guard let prices else { return }
        let total = status.usage.total
        status.cost = prices.cost(deviceSeconds: total.deviceSeconds, trainedTokens: total.trainedTokens)
        status.currency = prices.currency
    }

    /// Which limit of the manifest is used up, if one is. Both count over all workers of the job
    /// since it was last resumed.
    func usedUp(_ manifest: Manifest) -> StateReason? {
        let total = status.usage.total
        let granted = status.grantedUsage
        if let limit = manifest.timeLimit, total.deviceSeconds - granted.deviceSeconds >= Double(limit) { return .timeLimit }
        if let limit = manifest.costLimit, let prices {
            let before = prices.cost(deviceSeconds: granted.deviceSeconds, trainedTokens: granted.trainedTokens)
            if (status.cost ?? 0) - before >= limit { return .costLimit }
        }
        return nil
    }
}
