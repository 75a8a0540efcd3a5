import CPUBackend
import Datasets
import Graph
import Glibc
import Jobs
import Models
import Preparation
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
}

extension WorkerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .damagedJob(let fault): "the job's folder is damaged: \(fault); submit the job again"
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
            code: hasChanged ? "data_changed" : isTraining ? "invalid_training_file" : "invalid_validation_file", message: message,
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

    /// How a worker ends after an error of a device that another worker may not meet: it is lost, or others hold its memory; nil for all other errors.
    static func passingTrouble(_ error: any Error) -> JobRunner.Outcome? {
        switch error {
        case VulkanError.deviceLost: .deviceLost
        case VulkanError.outOfMemory, CPUError.outOfMemory: .ranOut
        default: nil
        }
    }

    static func status(_ error: any Error) -> JobStatus.Failure {
        switch error {
        // A file that the disk does not give is not a wrong one.
        case _ where cause(of: error)?.errorNumber == EIO: .init(code: "input_output", message: "\(error)")
        case let error as WorkerError:
            switch error {
            case .damagedJob: .init(code: "damaged_job", message: "\(error)")
            case .resultDiffers: .init(code: "result_differs", message: "\(error)")
            }
        case let error as DeviceError:
            switch error {
            case .noDevice: .init(code: "no_device", message: "\(error)", param: "device")
            case .unsupportedPrecision: .init(code: "invalid_value", message: "\(error)", param: "precision")
            }
        case let error as PreparationError:
            switch error {
            case .invalidData(let reports): invalidData(reports, "\(error)")
            case .emptySplit: .init(code: "invalid_training_file", message: "\(error)", param: "validation_split")
            case .noWeights: .init(code: "invalid_model", message: "\(error)", param: "model")
            case .damagedData: .init(code: "data_changed", message: "\(error)", param: "training_file")
            case .inputsChanged(let names): .init(code: "data_changed", message: "\(error)", param: names.first)
            case .unusableFile(_, _, let param): .init(code: "unusable_file", message: "\(error)", param: param)
            }
        case let error as ModelError:
            .init(code: "invalid_model", message: "\(error)", param: error.file == "manifest" ? error.field : "model")
        case let error as SafetensorsError: .init(code: "invalid_model", message: "\(error)", param: "model")
        case let error as TokenizerError: .init(code: "invalid_model", message: "\(error)", param: "model")
        case let error as ChatError: .init(code: "invalid_model", message: "\(error)", param: "model")
        case let error as TrainingError:
            switch error {
            case .notFinite: .init(code: "not_finite", message: "\(error)")
            case .unusableCheckpoint: .init(code: "unusable_checkpoint", message: "\(error)")
            case .otherVersion: .init(code: "unusable_checkpoint", message: "\(error)")
            case .inputsChanged: .init(code: "inputs_changed", message: "\(error)")
            case .doesNotFit: .init(code: "out_of_memory", message: "\(error)", param: "memory_limit")
            case .unknownName(let key, _, _): .init(code: "invalid_value", message: "\(error)", param: key)
            case .exampleTooLong: .init(code: "invalid_training_file", message: "\(error)", param: "training_file")
            }
        case let error as ManifestError: .init(code: error.code, message: "\(error)", param: error.param)
        case let error as StorageError: .init(code: error.isOutOfSpace ? "disk_full" : "input_output", message: "\(error)")
        case let error as VulkanError:
            switch error {
            case .noDevice, .unknownDevice: .init(code: "no_device", message: "\(error)", param: "device")
            case .deviceLost: .init(code: "device_lost", message: "\(error)")
            case .outOfMemory: .init(code: "out_of_memory", message: "\(error)", param: "memory_limit")
            default: .init(code: "device_failed", message: "\(error)")
            }
        case CPUError.outOfMemory: .init(code: "out_of_memory", message: "\(error)", param: "memory_limit")
        default: .init(code: "internal", message: "\(error)")
        }
    }
}
