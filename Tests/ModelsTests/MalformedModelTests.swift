import Foundation
import Graph
import JSON
import TestSupport
import Testing

@testable import Models
@testable import Tensors

@Suite(.enabled(if: SharedData.isThere)) struct MalformedModelTests {
    static func cases(_ kind: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: SharedData.path("malformed/\(kind)"))) ?? []).sorted()
    }

    /// The verdict is as expected, and a refusal names what it is about.
    static func judge(_ kind: String, _ name: String, _ body: () throws -> Void) throws {
        let expected = try SharedData.json("malformed/\(kind)/\(name)/expect.json")
        var message: String?
        do { try body() } catch { message = "\(error)" }
        #expect((message == nil) == (expected["verdict"]?.string == "accept"), "\(kind)/\(name): \(message ?? "accepted")")
        if let message, let field = expected["field"]?.string {
            #expect(message.contains(field), "\(kind)/\(name): \"\(message)\" does not name \(field)")
        }
        if let message, let file = expected["file"]?.string, kind != "checkpoint" {
            #expect(message.contains(file), "\(kind)/\(name): \"\(message)\" does not name \(file)")
        }
    }

    @Test(arguments: cases("safetensors")) func everyFileIsJudgedAsExpected(name: String) throws {
        try Self.judge("safetensors", name) {
            _ = try SafetensorsFile(path: SharedData.path("malformed/safetensors/\(name)/model.safetensors"))
        }
    }

    @Test(arguments: cases("config")) func everyConfigurationIsJudgedAsExpected(name: String) throws {
        try Self.judge("config", name) { _ = try ModelConfiguration(folder: SharedData.path("malformed/config/\(name)")) }
    }

    @Test(arguments: cases("checkpoint")) func everyCheckpointIsJudgedAsExpected(name: String) throws {
        try Self.judge("checkpoint", name) {
            let folder = SharedData.path("malformed/checkpoint/\(name)")
            let model = try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .full, maximumLength: 8)
            try model.checkNumbers()
        }
    }

    @Test(arguments: cases("adapter")) func everyAdapterIsJudgedAsExpected(name: String) throws {
        try Self.judge("adapter", name) {
            let folder = SharedData.path("malformed/checkpoint/valid")
            let adapter = SharedData.path("malformed/adapter/\(name)")
            let settings = AdapterSettings(rank: 2, alpha: 4, targets: .names(["q_proj"]), initialFolder: adapter)
            _ = try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)), training: .adapter(settings, seed: 0),
                maximumLength: 8)
        }
    }

    @Test func aTargetThatDoesNotExistIsRefusedWithTheNearestOne() throws {
        let folder = SharedData.path("models/llama-tiny")
        #expect {
            try LanguageModel(
                ModelConfiguration(folder: folder), source: .checkpoint(Checkpoint(folder: folder)),
                training: .adapter(AdapterSettings(targets: .names(["q_pro"])), seed: 0), maximumLength: 8)
        } throws: { "\($0)".contains("did you mean q_proj?") }
    }

    @Test(arguments: [
        "phi3-tiny", "phi3-window-tiny", "phi3-longrope-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny", "mistral-tiny", "gemma2-tiny",
        "starcoder2-tiny", "gpt-neox-tiny", "olmo2-tiny", "granite-tiny", "smollm3-tiny", "glm4-tiny", "gemma3-tiny",
    ])
    func bothSpellingsOfAConfigurationMeanTheSame(name: String) throws {
        let old = try ModelConfiguration(folder: SharedData.path("models/\(name)"))
        let new = try ModelConfiguration(json: SharedData.json("models/\(name)/config.transformers5.json"))
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
