package import Manifest

/// Why a job has failed or a drop was rejected, as a word for programs: `error.code` of
/// `status.json`, `code` of `error.json`. The message beside it is for people.
package enum FailureCode: String, Sendable, Hashable, CaseIterable {
    // The manifest.
    case invalidManifest = "invalid_manifest"
    case unknownKey = "unknown_key"
    case missingKey = "missing_key"
    case invalidValue = "invalid_value"
    case notAvailable = "not_available"
    case notFound = "not_found"
    /// A drop that was left unfinished in `incoming/`.
    case unfinished
    // What it names.
    case invalidTrainingFile = "invalid_training_file"
    case invalidValidationFile = "invalid_validation_file"
    case invalidModel = "invalid_model"
    case unusableFile = "unusable_file"
    /// A file is no longer what it was when the job was validated.
    case dataChanged = "data_changed"
    /// There are warnings, and the manifest wants none (`strict: true`).
    case strict
    // Rights and quotas.
    case notAllowed = "not_allowed"
    case quotaExceeded = "quota_exceeded"
    case dependencyFailed = "dependency_failed"
    // Devices and memory.
    case noDevice = "no_device"
    case deviceLost = "device_lost"
    case deviceFailed = "device_failed"
    case outOfMemory = "out_of_memory"
    /// The devices or hosts of a job compute different numbers, or one cannot do its part.
    case ranksDiffer = "ranks_differ"
    // Training.
    case notFinite = "not_finite"
    case unusableCheckpoint = "unusable_checkpoint"
    /// A checkpoint was made from other inputs.
    case inputsChanged = "inputs_changed"
    /// The result that was written does not compute what was trained.
    case resultDiffers = "result_differs"
    // The worker and the spool.
    case workerCrashed = "worker_crashed"
    /// The job's own files are not what was written.
    case damagedJob = "damaged_job"
    case diskFull = "disk_full"
    case inputOutput = "input_output"
    case internalError = "internal"
    /// A word that this program does not know, or one that has been lost.
    case unknown

    /// The code of a manifest's error.
    package init(_ error: ManifestError) { self = FailureCode(rawValue: error.code) ?? .invalidManifest }
}
