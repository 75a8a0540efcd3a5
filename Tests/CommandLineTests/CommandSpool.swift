import Foundation
import JSON
import Spool
import Storage
import TestSupport

/// A spool as `tala` finds it: folders, and jobs that are only their files. No daemon runs; a lock
/// that a test holds stands for one.
struct CommandSpool {
    let layout: SpoolLayout

    init() throws {
        layout = SpoolLayout(root: NSTemporaryDirectory() + "tala-commands-\(UUID().uuidString)")
        for folder in [layout.root] + layout.folders {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
    }

    /// Adds a job whose files say that it is in a state, and gives its id. Later numbers are newer
    /// jobs.
    @discardableResult
    func add(_ number: Int, _ state: String, step: Int = 0, of total: Int = 0) throws -> String {
        let id = "ftjob-01jd0000000000000000000" + String(100 + number)
        let job = layout.job(id)
        try DurableFiles.makeFolder(job.path)
        let error = state == "failed" ? #"{"code": "not_finite", "message": "the loss is not finite", "param": null}"# : "null"
        let status = """
            {"id": "\(id)", "object": "fine_tuning.job", "created_at": 1750000000, "finished_at": null, "model": "tala-small",
             "status": "\(state)", "hyperparameters": {}, "method": {"type": "supervised"}, "training_file": "train.jsonl",
             "error": \(error),
             "tala": {"owner": 0, "progress": {"step": \(step), "total_steps": \(total), "epoch": 0.5, "train_loss": 1.25, "valid_loss": 1.5,
                      "tokens_per_second": 1234.5, "remaining_seconds": 3725}}}
            """
        try DurableFiles.replace(job.statusFile, with: status)
        try DurableFiles.replace(
            job.eventsFile,
            with: #"{"object":"fine_tuning.job.event","id":"ftevent-1","created_at":1750000000,"level":"info","message":"Created"}"# + "\n")
        let rows = (0..<step).map { "\($0 + 1),\(2.0 - Double($0) / 100),0.5,,,,,0.001,1.0,\(($0 + 1) * 64),1000" }
        try DurableFiles.replace(
            job.metricsFile,
            with: """
                step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy,full_valid_loss,full_valid_mean_token_accuracy,\
                learning_rate,grad_norm,trained_tokens,tokens_per_second

                """ + rows.map { $0 + "\n" }.joined())
        return id
    }

    /// Holds the lock that a daemon holds.
    func daemon() throws -> FileLock? { try FileLock(path: layout.lockFile) }

    func tala(_ arguments: [String]) throws -> BuiltProgram.Outcome {
        try BuiltProgram(name: "tala").run(arguments + ["--spool", layout.root])
    }

    func remove() { FolderListing.delete(layout.root) }
}
