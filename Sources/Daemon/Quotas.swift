import Jobs
import Manifest

/// Compares what a user has used with what their role allows.
enum Quotas {
    struct Use {
        var queuedJobs: Int
        var month: Usage.Amount
        var diskBytes: Int
    }

    /// Why so many more jobs are too much, or nil.
    static func excess(_ use: Use, _ quotas: Policy.Quotas, role: String, jobCount: Int = 1) -> ManifestError? {
        func error(_ quota: String, _ used: String, _ allowed: String, _ needed: String = "") -> ManifestError {
            ManifestError(
                code: FailureCode.quotaExceeded.rawValue,
                message: "over quota: \(quota): \(used) used\(needed), \(allowed) allowed for the role \(role)")
        }
        if let allowed = quotas.queuedJobs, use.queuedJobs > allowed - jobCount {
            let needed = jobCount > 1 ? ", \(jobCount) needed by the sweep" : ""
            return error("queued jobs", "\(use.queuedJobs)", "\(allowed)", needed)
        }
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

    /// Why a job of this many trained tokens is too much, now that they are known; nil if it is
    /// not.
    static func excess(tokens: Int, _ use: Use, _ quotas: Policy.Quotas, role: String) -> String? {
        guard let allowed = quotas.trainedTokensAMonth else { return nil }
        let (sum, overflows) = use.month.trainedTokens.addingReportingOverflow(tokens)
        guard overflows || sum > allowed else { return nil }
        return
            "over quota: trained tokens this month: \(use.month.trainedTokens) used, \(tokens) needed, \(allowed) allowed for the role \(role)"
    }

    /// Which quota of the month is used up, or nil. Tokens may be used to the last one: a job that
    /// needs just as many as were left ends.
    static func monthExcess(_ used: Usage.Amount, _ quotas: Policy.Quotas, role: String) -> String? {
        if let allowed = quotas.trainedTokensAMonth, used.trainedTokens > allowed {
            return "over quota: trained tokens this month: \(used.trainedTokens) used, \(allowed) allowed for the role \(role)"
        }
        if let allowed = quotas.deviceHoursAMonth, used.deviceSeconds / 3600 >= allowed {
            return "over quota: device-hours this month: \(hours(used.deviceSeconds)) used, \(allowed) allowed for the role \(role)"
        }
        return nil
    }

    private static func hours(_ seconds: Double) -> String { "\((seconds / 36).rounded() / 100)" }
}
