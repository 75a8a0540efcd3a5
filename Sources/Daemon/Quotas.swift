import Jobs

/// Compares what somebody has with what their role allows.
enum Quotas {
    struct Use {
        var queuedJobs: Int
        var month: Usage.Amount
        var diskBytes: Int
    }

    /// Why one more job is too much, or nil.
    static func excess(_ use: Use, _ quotas: Policy.Quotas, role: String) -> ManifestError? {
        func error(_ quota: String, _ used: String, _ allowed: String) -> ManifestError {
            ManifestError(code: "quota_exceeded", message: "over quota: \(quota): \(used) used, \(allowed) allowed for the role \(role)")
        }
        if let allowed = quotas.queuedJobs, use.queuedJobs >= allowed { return error("queued jobs", "\(use.queuedJobs)", "\(allowed)") }
        if let allowed = quotas.trainedTokensAMonth, use.month.trainedTokens >= allowed {
            return error("trained tokens this month", "\(use.month.trainedTokens)", "\(allowed)")
        }
        if let allowed = quotas.deviceHoursAMonth, use.month.deviceSeconds / 3600 >= allowed {
            return error("device-hours this month", hours(use.month.deviceSeconds), "\(allowed)")
        }
        if let allowed = quotas.diskBytes, use.diskBytes >= allowed {
            return error("disk", "\(use.diskBytes) bytes", "\(allowed) bytes")
        }
        return nil
    }

    /// Why a job of this many trained tokens is too much, now that they are known; nil if it is not.
    static func excess(tokens: Int, _ use: Use, _ quotas: Policy.Quotas, role: String) -> String? {
        guard let allowed = quotas.trainedTokensAMonth else { return nil }
        let (sum, overflows) = use.month.trainedTokens.addingReportingOverflow(tokens)
        guard overflows || sum > allowed else { return nil }
        return "over quota: trained tokens this month: \(use.month.trainedTokens) used, \(tokens) needed, \(allowed) allowed for the role \(role)"
    }

    private static func hours(_ seconds: Double) -> String { "\((seconds / 36).rounded() / 100)" }
}
