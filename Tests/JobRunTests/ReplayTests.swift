import Foundation
import Jobs
import Preparation
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Training

@testable import Worker

/// A result is run after it has been read back, by the reading that takes other tools' files too.
@Suite(.serialized) struct ReplayTests {
    @Test func aResultThatComputesSomethingElseIsFoundWithBothFigures() throws {
        let job = try ReferenceJob(lora: true, steps: 2)
        defer { job.remove() }
        #expect(try job.run() == .succeeded)
        let result = job.folder.result
        // A session that begins with the adapter that was written has the trained model's numbers.
        let prepared = try PreparedJob(
            manifest: job.folder.manifest(), modelFolder: ReferenceSet.own.trajectoryModel,
            trainingPath: (ReferenceSet.own.chatModel + "/train.jsonl"), validationPath: (ReferenceSet.own.chatModel + "/validation.jsonl"),
            initialAdapterPath: result + "/adapter")
        let run = TrainingRun(
            session: try prepared.makeSession(), training: prepared.training, validation: prepared.validation, settings: prepared.settings)
        let expected = try #require(try run.lossOfFirstExamples(ResultReplay.exampleCount))
        let replay = ResultReplay(job: prepared, run: run)
        let whole = try replay.check(result, expected: expected)
        #expect(whole.map(\.part) == ["adapter", "merged"] && whole.allSatisfy { $0.loss != nil }, "\(whole.map(\.text))")

        // One tensor of the merged model is another one.
        let file = result + "/merged/model.safetensors"
        let tensors = try SafetensorsFile(path: file).tensors.map { ($0.name, $0.shape, $0.elementType, $0.floats()) }
        try FileManager.default.removeItem(atPath: file)
        var writer = try SafetensorsWriter(path: file, entries: tensors.map { .init(name: $0.0, shape: $0.1, elementType: .float32) })
        for tensor in tensors {
            let factor: Float = tensor.0.hasSuffix("layers.0.mlp.down_proj.weight") ? 2 : 1
            try tensor.3.map { $0 * factor }.withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
        #expect { try replay.check(result, expected: expected) } throws: { error in
            guard case WorkerError.resultDiffers(let part, let found, let wanted) = error else { return false }
            return part == "merged" && found != wanted && wanted == expected.meanLoss
                && "\(error)".contains("\(found)") && "\(error)".contains("\(wanted)")
        }

        // The adapter's folder says another scale than the one that was trained with.
        let path = result + "/adapter/adapter_config.json"
        let text = String(decoding: try DurableFiles.read(path), as: UTF8.self)
        try DurableFiles.replace(path, with: text.replacingOccurrences(of: "\"lora_alpha\": 16", with: "\"lora_alpha\": 8"))
        #expect { try replay.check(result, expected: expected) } throws: { "\($0)".contains("does not describe the adapter") }
    }

    /// Stored in float32 and computed in bfloat16: with an adapter beside them weights are rounded
    /// before it is added, merged ones after.
    @Test func aMergedModelMayDifferByTheRoundingOfWhatItIsComputedIn() {
        #expect(ResultReplay.rounding(of: .float32, computedIn: .float32) == ResultReplay.rounding(of: .float32))
        #expect(ResultReplay.rounding(of: .float32, computedIn: .bfloat16) == ResultReplay.rounding(of: .bfloat16))
        #expect(ResultReplay.rounding(of: .bfloat16, computedIn: .float32) == ResultReplay.rounding(of: .bfloat16))
    }
}
