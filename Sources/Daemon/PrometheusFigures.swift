import JSON
import Jobs

/// Figures in the text format of Prometheus (node_exporter's textfile collector). A job has a label
/// of its own only while it runs.
struct PrometheusFigures {
    var counts: [JobState: Int]
    var running: [(device: String, status: JobStatus)]
    var tokens: Int
    var rejected: Int

    var text: String {
        var lines: [String] = []
        func figure(_ name: String, _ type: String, _ help: String, _ samples: [(labels: [(String, String)], value: String)]) {
            guard !samples.isEmpty else { return }
            lines.append("# HELP \(name) \(help)")
            lines.append("# TYPE \(name) \(type)")
            for sample in samples {
                let labels = sample.labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
                lines.append(name + (labels.isEmpty ? "" : "{\(labels)}") + " " + sample.value)
            }
        }
        figure("tala_jobs", "gauge", "Jobs by state.", JobState.allCases.map { ([("state", $0.rawValue)], "\(counts[$0] ?? 0)") })
        figure("tala_tokens_total", "counter", "Tokens trained on, of all jobs.", [([], "\(tokens)")])
        figure("tala_spool_rejected_total", "counter", "Drops rejected since the daemon began.", [([], "\(rejected)")])
        func perJob(_ value: (JobStatus) -> String?) -> [(labels: [(String, String)], value: String)] {
            running.compactMap { _, status in value(status).map { ([("job", status.id), ("model", status.model)], $0) } }
        }
        figure(
            "tala_job_progress_ratio", "gauge", "Steps done of all steps.",
            perJob { $0.progress.totalSteps > 0 ? "\(Double($0.progress.step) / Double($0.progress.totalSteps))" : nil })
        figure(
            "tala_job_loss", "gauge", "The last loss.",
            running.flatMap { _, status in
                [("train", status.progress.trainLoss), ("valid", status.progress.validLoss)].compactMap { split, loss in
                    loss.map { ([("job", status.id), ("split", split)], "\($0)") }
                }
            })
        figure(
            "tala_job_eta_seconds", "gauge", "Seconds that the job will still take.",
            perJob { $0.progress.remainingSeconds.map { "\($0)" } })
        figure("tala_job_tokens_per_second", "gauge", "The present speed.", perJob { $0.progress.tokensPerSecond.map { "\($0)" } })
        figure(
            "tala_last_checkpoint_timestamp_seconds", "gauge", "When the job last wrote a checkpoint.",
            perJob { $0.checkpointedAt.map { "\($0)" } })
        figure(
            "tala_device_memory_bytes", "gauge", "Memory that the running plan takes on its device.",
            running.flatMap { device, status in
                let plan = status.plan
                let kinds = [("persistent", plan?.persistentBytes), ("arena", plan?.arenaBytes), ("mapped", plan?.mappedWeightBytes)]
                return kinds.compactMap { kind, bytes in bytes.map { ([("device", device), ("kind", kind)], "\($0)") } }
            })
        return lines.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
