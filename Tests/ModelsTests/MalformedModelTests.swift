import CPUBackend
import Foundation
import Graph
import JSON
import Manifest
import Runtime
import TestSupport
import Testing

@testable import Models
@testable import Tensors

@Suite struct MalformedModelTests {
    static func cases(_ kind: String) -> [ReferenceItem] { ReferenceItem.all("malformed/" + kind) }

    /// The verdict is as expected, and a refusal names what it is about.
    static func judge(_ item: ReferenceItem, _ body: () throws -> Void) throws {
        let expected = try item.json("expect.json")
        var message: String?
        do { try body() } catch { message = "\(error)" }
        #expect((message == nil) == (expected["verdict"]?.string == "accept"), "\(item): \(message ?? "accepted")")
        if let message, let field = expected["field"]?.string {
            #expect(message.contains(field), "\(item): \"\(message)\" does not name \(field)")
        }
        if let message, let file = expected["file"]?.string, item.kind != "malformed/checkpoint" {
            #expect(message.contains(file), "\(item): \"\(message)\" does not name \(file)")
        }
    }

    @Test(arguments: cases("safetensors")) func everyFileIsJudgedAsExpected(item: ReferenceItem) throws {
        try Self.judge(item) { _ = try SafetensorsFile(path: item.path("model.safetensors")) }
    }

    @Test(arguments: cases("config")) func everyConfigurationIsJudgedAsExpected(item: ReferenceItem) throws {
        try Self.judge(item) { _ = try ModelConfiguration(folder: item.path) }
    }

    @Test(arguments: cases("checkpoint")) func everyCheckpointIsJudgedAsExpected(item: ReferenceItem) throws {
        try Self.judge(item) {
            let model = try LanguageModel(
                ModelConfiguration(folder: item.path), source: .checkpoint(Checkpoint(folder: item.path)), training: .full, maximumLength: 8
            )
            // The numbers are looked at where they are read: when the model goes onto a device.
            _ = try LoadedModel(model, on: CPUDevice())
        }
    }

    @Test(arguments: cases("adapter")) func everyAdapterIsJudgedAsExpected(item: ReferenceItem) throws {
        try Self.judge(item) {
            let folder = item.set.path("malformed/checkpoint/valid")
            let settings = AdapterSettings(rank: 2, alpha: 4, targets: .names(["q_proj"]), initialFolder: item.path)
            _ = try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .adapter(settings, seed: 0),
                maximumLength: 8)
        }
    }

    @Test func aTargetThatDoesNotExistIsRefusedWithTheNearestOne() throws {
        let folder = ReferenceSet.own.path("models/llama-tiny")
        #expect {
            try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
                training: .adapter(AdapterSettings(targets: .names(["q_pro"])), seed: 0), maximumLength: 8)
        } throws: { "\($0)".contains("did you mean q_proj?") }
    }

    /// Every model of a family that is known.
    static let models = ReferenceItem.all("models").filter { ModelFamilies.modelTypes.contains($0.modelType) }

    @Test(arguments: models) func bothSpellingsOfAConfigurationMeanTheSame(item: ReferenceItem) throws {
        let old = try ModelConfiguration(folder: item.path)
        let new = try ModelConfiguration(json: item.json("config.transformers5.json"))
        #expect(old == new)
    }
}

@Suite struct FloatConversionTests {
    @Test func everyHalfSurvivesAndRoundingGoesToTheNearestEven() {
        for bits in UInt16(0)...UInt16.max {
            let value = FloatConversion.float(fromHalf: bits)
            if value.isNaN {
                #expect(FloatConversion.float(fromHalf: FloatConversion.half(value)).isNaN)
            } else {
                #expect(FloatConversion.half(value) == bits)
            }
        }
        #expect(FloatConversion.half(65_520) == 0x7C00 && FloatConversion.half(65_519) == 0x7BFF)
        #expect(FloatConversion.bfloat16(1.00390625) == 0x3F80 && FloatConversion.bfloat16(1.01171875) == 0x3F82)
        #expect(Float(bitPattern: UInt32(FloatConversion.bfloat16(.nan)) << 16).isNaN)
    }
}
