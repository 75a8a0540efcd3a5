import Datasets
import Graph
import Glibc
import Jobs
import Manifest
import Models
import Preparation
import Ranks
import Storage
import Tensors
import Tokenization
import Training
import VulkanBackend

/// Why a worker cannot run its job, beyond what the modules below say.
package enum WorkerError: Error, Sendable {
    /// What the daemon wrote about the job when it accepted it is no longer that.
    case damagedJob(String)
    /// A part of the result, read back, has another loss than the model that was trained.
    case resultDiffers(part: String, found: Double, expected: Double)
    /// Another process cannot do its part of the job, or would compute other numbers.
    case unequalRank(Int, reason: String)
}

extension WorkerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .damagedJob(let fault): "the job's folder is damaged: \(fault); submit the job again"
        case .unequalRank(let rank, let reason):
            "rank \(rank) cannot take part: \(reason). All devices and hosts of a job must be alike"
        case .resultDiffers(let part, let found, let expected):
            "result/\(part), read back, has the loss \(found) on examples on which the trained model has \(expected): it is not kept; "
                + "the last checkpoint is"
        }
    }
}

/// An error as status.json says it: a stable word, a message, the manifest's key.
enum FailureDescription {
    private static func invalidData(_ reports: [ValidationReport], _ message: String) -> JobStatus.Failure {
        let isTraining = reports.first?.isValid == false
        let hasChanged = reports.contains { $0.problems.counts["data_changed"] != nil }
        return .init(
            code: hasChanged ? .dataChanged : isTraining ? .invalidTrainingFile : .invalidValidationFile, message: message,
            param: isTraining ? "training_file" : "validation_file")
    }

    /// The failed system call beneath an error, if there is one.
    static func cause(of error: any Error) -> StorageError? {
        func reading(_ path: String, _ number: Int32?) -> StorageError? {
            number.map { StorageError(operation: "read", path: path, errorNumber: $0) }
        }
        return switch error {
        case let error as StorageError: error
        case let error as ModelError: reading(error.file, error.errorNumber)
        case let error as SafetensorsError: reading(error.path, error.errorNumber)
        case let error as TokenizerError: reading(error.file, error.errorNumber)
        default: nil
        }
    }

    /// How a worker ends after an error that another worker may not meet: its device is lost,
    /// others hold its memory, or another process of the job is gone; nil for all other errors.
    static func transientOutcome(_ error: any Error) -> WorkerExit? {
        switch error {
        case VulkanError.deviceLost: .deviceLost
        case VulkanError.outOfMemory, CPUError.outOfMemory: .ranOut
        case is any GroupFailure: .ranOut
        default: nil
        }
    }

    static func status(_ error: any Error) -> JobStatus.Failure {
        switch error {
        // A file that the disk does not give is not a wrong one.
        case _ where cause(of: error)?.errorNumber == EIO: .init(code: .inputOutput, message: "\(error)")
        case let error as WorkerError:
            switch error {
            case .damagedJob: .init(code: .damagedJob, message: "\(error)")
            case .resultDiffers: .init(code: .resultDiffers, message: "\(error)")
            case .unequalRank: .init(code: .ranksDiffer, message: "\(error)", param: "ranks")
            }
        case let error as DeviceError:
            switch error {
            case .noDevice, .noKernels: .init(code: .noDevice, message: "\(error)", param: "device")
            case .unsupportedPrecision: .init(code: .invalidValue, message: "\(error)", param: "precision")
            }
        case let error as PreparationError:
            switch error {
            case .invalidData(let reports): invalidData(reports, "\(error)")
            case .emptySplit: .init(code: .invalidTrainingFile, message: "\(error)", param: "validation_split")
            case .noWeights: .init(code: .invalidModel, message: "\(error)", param: "model")
            case .damagedData: .init(code: .dataChanged, message: "\(error)", param: "training_file")
            case .inputsChanged(let names): .init(code: .dataChanged, message: "\(error)", param: names.first)
            case .unusableFile(_, _, let param): .init(code: .unusableFile, message: "\(error)", param: param)
            case .strict(let warnings): .init(code: .strict, message: "\(error)", param: warnings.first?.param)
            }
        case let error as ModelError:
            .init(code: .invalidModel, message: "\(error)", param: error.file == "manifest" ? error.field : "model")
        case let error as SafetensorsError: .init(code: .invalidModel, message: "\(error)", param: "model")
        case let error as TokenizerError: .init(code: .invalidModel, message: "\(error)", param: "model")
        case let error as ChatError: .init(code: .invalidModel, message: "\(error)", param: "model")
        case let error as TrainingError:
            switch error {
            case .notFinite: .init(code: .notFinite, message: "\(error)")
            case .unusableCheckpoint: .init(code: .unusableCheckpoint, message: "\(error)")
            case .otherVersion: .init(code: .unusableCheckpoint, message: "\(error)")
            case .inputsChanged: .init(code: .inputsChanged, message: "\(error)")
            case .doesNotFit: .init(code: .outOfMemory, message: "\(error)", param: "memory_limit")
            case .unknownName(let key, _, _): .init(code: .invalidValue, message: "\(error)", param: key)
            case .needsValidation(let key): .init(code: .invalidValue, message: "\(error)", param: key)
            case .exampleTooLong: .init(code: .invalidTrainingFile, message: "\(error)", param: "training_file")
            case .ranksDiffer, .brokenExchange: .init(code: .ranksDiffer, message: "\(error)", param: "ranks")
            }
        case let error as ManifestError: .init(code: FailureCode(error), message: "\(error)", param: error.param)
        case let error as StorageError: .init(code: error.isOutOfSpace ? .diskFull : .inputOutput, message: "\(error)")
        case let error as VulkanError:
            switch error {
            case .noDevice, .unknownDevice: .init(code: .noDevice, message: "\(error)", param: "device")
            case .deviceLost: .init(code: .deviceLost, message: "\(error)")
            case .outOfMemory: .init(code: .outOfMemory, message: "\(error)", param: "memory_limit")
            default: .init(code: .deviceFailed, message: "\(error)")
            }
        case CPUError.outOfMemory: .init(code: .outOfMemory, message: "\(error)", param: "memory_limit")
        case is any GroupFailure:
            .init(code: .workerCrashed, message: "another process of the job has ended or cannot be reached: \(error)")
        default: .init(code: .internalError, message: "\(error)")
        }
    }
}
