/// What an event says, as a word for programs: `code` of a line of `events.jsonl`. The message
/// beside it is for people and may change.
package enum EventCode: String, Sendable, Hashable, CaseIterable {
    // A job's life. Each of these also says which state the job has from then on.
    case created
    case validating
    case validated
    case started
    case resumed
    /// A worker has left with a checkpoint, or before there was one.
    case stopped
    /// The job waits for the next worker.
    case waiting
    /// The worker died; another one will go on.
    case retrying
    /// No further try; the last checkpoint is exported before the job fails.
    case givenUp = "given_up"
    case paused
    case succeeded
    case failed
    case cancelled
    // Validation.
    /// A problem of the data: its file, line and field stand in the message.
    case invalidData = "invalid_data"
    case dataWarning = "data_warning"
    /// `validation.json` was damaged: the files are validated again.
    case validatingAgain = "validating_again"
    /// What a careful reader of model and manifest would ask about.
    case inputWarning = "input_warning"
    /// Something about the job is allowed and probably not meant; `warning` of the event's data
    /// says what.
    case jobWarning = "job_warning"
    /// What preparing the job has decided, where people would want to know.
    case inputNote = "input_note"
    // Training.
    case evaluated
    /// Answers of the model were judged by graders.
    case graded
    /// The run ends before its last step: it no longer gets better.
    case stoppedEarly = "stopped_early"
    /// The result is the model of an earlier step, which was better than the last.
    case bestLoaded = "best_loaded"
    case outlier
    case profiled
    case resumedFromCheckpoint = "resumed_from_checkpoint"
    case checkpointSetAside = "checkpoint_set_aside"
    case checkpointWritten = "checkpoint_written"
    /// A checkpoint was asked for where there is nothing new to keep.
    case checkpointNotNeeded = "checkpoint_not_needed"
    case partialResult = "partial_result"
    case exportFailed = "export_failed"
    case resultReadBack = "result_read_back"
    case modelCreated = "model_created"
    case deviceMessage = "device_message"
    /// The processor stands in for a graphics processor that is there and cannot be used.
    case deviceReplaced = "device_replaced"
    /// What was measured about kernel variants was damaged and is measured again.
    case tuningAgain = "tuning_again"
    /// Something could not be written, and is written anew.
    case writtenAgain = "written_again"
    /// Memory or descriptors ran out.
    case ranOut = "ran_out"
    // The daemon.
    case roomAgain = "room_again"
    case quotaAgain = "quota_again"
    case notResumed = "not_resumed"
    case controlRefused = "control_refused"
    case workerNotStarted = "worker_not_started"
    case workerSilent = "worker_silent"
    /// A file of the job was missing or damaged and was made anew from the others.
    case madeAnew = "made_anew"
    case writingDelayed = "writing_delayed"

    /// Whether an event says something of device, disk or memory, which whoever keeps the machine
    /// finds in the system's log too. How a job goes on is for its owner.
    package var concernsTheMachine: Bool {
        switch self {
        case .deviceMessage, .deviceReplaced, .checkpointSetAside, .validatingAgain, .tuningAgain, .writtenAgain, .ranOut, .exportFailed:
            true
        default: false
        }
    }

    /// The state that a job has after this event, if the event decides one.
    package var state: JobState? {
        switch self {
        case .created, .validating: .validatingFiles
        case .validated, .resumed, .stopped, .waiting, .retrying, .givenUp: .queued
        case .started: .running
        case .paused: .paused
        case .succeeded: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        default: nil
        }
    }
}
