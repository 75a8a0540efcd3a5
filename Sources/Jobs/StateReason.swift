/// Why a job is in its state, where the state alone does not say: `tala.reason` of `status.json`.
package enum StateReason: String, Sendable, Hashable, CaseIterable {
    /// Its owner, or whoever may control all jobs, asked for it.
    case requested
    /// Paused until the disk has room.
    case diskFull = "disk_full"
    /// Paused because `time_limit` of the manifest is used up.
    case timeLimit = "time_limit"
    /// Paused because `cost_limit` of the manifest is used up.
    case costLimit = "cost_limit"
    /// Paused until the owner's quota of the month allows it.
    case quotaExceeded = "quota_exceeded"
    /// Queued without another try: its last checkpoint is still to be exported, then it has failed.
    case givingUp = "giving_up"
    /// Cancelled, and its last checkpoint is still to be exported.
    case exportingCheckpoint = "exporting_checkpoint"
    /// Succeeded without training: `validate_only` of the manifest ends the job after validation.
    case validatedOnly = "validated_only"

    /// Whether resuming the job grants anew what it has used up.
    package var grantsAnew: Bool { self == .timeLimit || self == .costLimit }
}
