package import JSON

/// What must survive of a job whatever happens: `jobs/<id>/ledger.json`, of which `status.json` is
/// a rendering.
///
/// Daemon and worker both keep it, never at the same time: the worker while it runs, the daemon
/// otherwise. What a running worker meters between two entries stands in `status.json` alone; see
/// ``takeLater(_:)``.
package struct Ledger: Sendable, Hashable {
    package private(set) var state: JobState
    /// Why the job is in its state.
    package var reason: StateReason?
    package var error: JobStatus.Failure?
    package var finishedAt: Int?
    /// The device that the job last ran on.
    package var device: String?
    package var plan: PlanFigures?
    /// Times that a worker was started for the job.
    package var attempts = 0
    /// Workers that died since the last progress.
    package var crashes: CrashRecord?
    /// The newest complete checkpoint's folder name.
    package var checkpoint: String?
    /// When that was written, in seconds since 1970.
    package var checkpointedAt: Int?
    /// Free bytes that a job paused for a full disk waits for.
    package var neededBytes: Int?
    package var usage = Usage()
    /// What the job had used when it was last resumed: `time_limit` and `cost_limit` count from
    /// there.
    package var grantedUsage = Usage.Amount()
    package var trainedTokens: Int?
    package var fineTunedModel: String?
    package var resultFiles: [String] = []

    package init(state: JobState) { self.state = state }

    /// Gives the job its next state. To stay in a state is no change.
    /// - Throws: ``ForbiddenChange`` where the life of a job has no such step.
    package mutating func become(_ next: JobState, job: String) throws(ForbiddenChange) {
        guard next == state || state.mayBecome(next) else { throw ForbiddenChange(job: job, from: state, to: next) }
        state = next
    }

    /// A ledger as this one in every other respect, for a job that is made anew from its files:
    /// there is no step from an earlier state then.
    package func assuming(_ state: JobState) -> Ledger {
        var copy = self
        copy.state = state
        return copy
    }

    /// Takes in what a worker has used since its last entry, as the status says it: use only grows.
    package mutating func takeLater(_ shown: Ledger) {
        for (month, amount) in shown.usage.months {
            let known = usage.months[month] ?? Usage.Amount()
            usage.months[month] = Usage.Amount(
                trainedTokens: max(known.trainedTokens, amount.trainedTokens),
                deviceSeconds: max(known.deviceSeconds, amount.deviceSeconds))
        }
        if let tokens = shown.trainedTokens { trainedTokens = max(trainedTokens ?? 0, tokens) }
    }

    package var json: JSONNode {
        func optional(_ text: String?) -> JSONNode { text.map { JSONNode($0) } ?? nil }
        func optional(_ number: Int?) -> JSONNode { number.map { JSONNode($0) } ?? nil }
        return [
            "state": JSONNode(state.rawValue), "reason": optional(reason?.rawValue), "error": error?.json ?? nil,
            "finished_at": optional(finishedAt), "device": optional(device), "attempts": JSONNode(attempts),
            "crashes": crashes?.json ?? nil, "checkpoint": optional(checkpoint), "checkpointed_at": optional(checkpointedAt),
            "needed_bytes": optional(neededBytes), "usage": usage.json, "granted": grantedUsage.json,
            "trained_tokens": optional(trainedTokens), "fine_tuned_model": optional(fineTunedModel),
            "result_files": JSONNode(resultFiles.map { JSONNode($0) }), "plan": plan?.json ?? nil,
        ]
    }

    /// Reads a ledger that ``json`` wrote; nil if it is none.
    package init?(json: JSONNode) {
        guard let state = json["state"]?.string.flatMap(JobState.init(rawValue:)) else { return nil }
        self.init(state: state)
        reason = json["reason"]?.string.flatMap(StateReason.init(rawValue:))
        error = JobStatus.Failure(json: json["error"])
        finishedAt = json["finished_at"]?.integer
        device = json["device"]?.string
        attempts = json["attempts"]?.integer ?? 0
        crashes = CrashRecord(json: json["crashes"])
        checkpoint = json["checkpoint"]?.string
        checkpointedAt = json["checkpointed_at"]?.integer
        neededBytes = json["needed_bytes"]?.integer
        usage = Usage(json: json["usage"])
        grantedUsage = Usage.Amount(json: json["granted"])
        trainedTokens = json["trained_tokens"]?.integer
        fineTunedModel = json["fine_tuned_model"]?.string
        resultFiles = json["result_files"]?.array?.compactMap(\.string) ?? []
        plan = PlanFigures(json: json["plan"])
    }
}
