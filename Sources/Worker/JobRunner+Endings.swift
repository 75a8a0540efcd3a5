import Datasets
import Devices
package import Jobs
import Preparation
package import Spool
import Storage
import Training

// How a job ends: each way writes down why, and leaves what can be used.
extension JobRunner {
    func guarded(_ body: () throws -> WorkerExit) -> WorkerExit {
        folder.removeLitter()
        ballast = Ballast(folder.ballastFile)
        var diesInStep = false
        defer {
            ballast?.release()
            // The last sign of life tells the daemon in which step the device was lost.
            if !diesInStep { pulse.end() }
        }
        do {
            return try body()
        } catch {
            if let outcome = FailureDescription.transientOutcome(error) {
                diesInStep = outcome == .deviceLost
                status.error = FailureDescription.status(error)
                try? save()
                return outcome
            }
            if FailureDescription.cause(of: error)?.isTransient == true {
                try? event(.ranOut, "\(error): trying again later", .warn)
                return .ranOut
            }
            let failure = FailureDescription.status(error)
            if failure.code == .diskFull { return finish(.diskFull, .paused, reason: .diskFull, "Paused: \(failure.message)") }
            status.error = failure
            // The one file of a job that trains nothing.
            if evaluationMethod != nil, failure.param == "training_file" {
                status.error?.param = "validation_file"
                if failure.code == .invalidTrainingFile { status.error?.code = .invalidValidationFile }
            }
            return finish(.failed, .failed, "Fine-tuning job failed: \(failure.message)")
        }
    }

    func finish(_ outcome: WorkerExit, _ code: EventCode, reason: StateReason? = nil, _ message: String) -> WorkerExit {
        // What was held back is for these last words.
        ballast?.release()
        let next: JobState? =
            switch outcome {
            case .failed: .failed
            case .cancelled: .cancelled
            case .paused, .diskFull: .paused
            case .succeeded, .stopped, .deviceLost, .ranOut: nil
            }
        if let next {
            // Whatever went wrong afterwards, a job that has ended stays ended.
            guard (try? status.become(next)) != nil else { return outcome }
            if next.isFinal { status.finishedAt = Self.wallTime() }
        }
        status.reason = reason
        status.reading = nil
        status.progress.remainingSeconds = nil
        status.estimatedFinish = nil
        if status.state.isFinal { exportPart(status.state == .cancelled ? "was cancelled" : "failed: \(status.error?.message ?? "")") }
        try? event(code, message, outcome == .failed ? .error : outcome == .diskFull ? .warn : .info)
        try? events.sync()
        do {
            try save()
            if status.state.isFinal { folder.removeTokens() }
            // Acted on, and written down.
            if outcome == .cancelled { folder.removeControl("cancel") }
            if outcome == .paused { folder.removeControl("pause") }
        } catch {}
        return outcome
    }

    /// Pauses the job and records the reason.
    func pause(_ message: String) -> WorkerExit {
        let cause = folder.pauseCause
        return finish(.paused, .paused, reason: cause?.reason ?? .requested, message + (cause.map { ": " + $0.message } ?? ""))
    }

    /// Leaves the newest checkpoint of a job that will not finish in a form that can be used.
    func exportPart(_ reason: String) {
        do {
            guard let checkpoint = try PartialResult.export(folder, reason: reason) else { return }
            status.resultFiles = ["metrics.csv", "result"]
            try event(.partialResult, "Checkpoint \(checkpoint) is in result/\(PartialResult.folderName): usable, but not a finished model")
        } catch {
            try? event(.exportFailed, "No part of the result could be written: \(error)", .warn)
        }
    }

    /// How a job has ended already: its last worker died after it had written that down, and
    /// nothing is left to do but to clear away.
    func ended() -> WorkerExit? {
        let exit: WorkerExit
        switch status.state {
        case .succeeded: exit = .succeeded
        case .failed: exit = .failed
        case .cancelled: exit = .cancelled
        case .validatingFiles, .queued, .running, .paused: return nil
        }
        try? save()
        folder.removeTokens()
        folder.removeControl("cancel")
        return exit
    }

    /// Ends a job that gets no further try, or has been cancelled while no worker had it: says
    /// which examples the step had that ended its workers; its last checkpoint is exported.
    /// - Parameter step: the fatal step, counted from 1, if it is known.
    package func salvage(fatalStep step: Int?) -> WorkerExit {
        guarded {
            if status.state == .cancelled {
                exportPart("was cancelled")
                status.reason = .requested
                try? events.sync()
                try? save()
                return .cancelled
            }
            var failure = status.error ?? JobStatus.Failure(code: .workerCrashed, message: "the worker died again and again")
            if let step, let job = try? prepare().job {
                let lines = TrainingRun.examples(ofStep: step - 1, count: job.training.count, settings: job.settings).map {
                    job.training.line(of: $0)
                }
                let more = lines.count > 64 ? " and \(lines.count - 64) more" : ""
                failure.message +=
                    "; step \(step) trains on the examples of the lines " + lines.prefix(64).map(String.init).joined(separator: ", ") + more
            }
            status.error = failure
            return finish(.failed, .failed, "Fine-tuning job failed: \(failure.message)")
        }
    }

    /// Ends a job whose folder cannot be understood, as far as its status can.
    package static func recordDamage(_ error: any Error, of folder: JobFolder) -> WorkerExit {
        if let error = error as? StorageError, error.isTransient { return .ranOut }
        if let error = error as? StorageError, error.isOutOfSpace {
            // The daemon knows it from the exit code as well, should this not be written either.
            if var status = (try? knownStatus(folder)) ?? nil, (try? status.become(.paused)) != nil {
                status.reason = .diskFull
                try? folder.write(status)
            }
            return .diskFull
        }
        guard var status = (try? knownStatus(folder)) ?? nil, (try? status.become(.failed)) != nil else { return .failed }
        let error = WorkerError.damagedJob("\(error)")
        status.finishedAt = wallTime()
        status.error = FailureDescription.status(error)
        try? folder.write(status)
        try? EventLog(folder).append(.error, .failed, "Fine-tuning job failed: \(error)", at: wallTime())
        return .failed
    }
}
