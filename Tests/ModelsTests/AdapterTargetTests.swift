import Manifest
import Testing

@testable import Models

@Suite struct AdapterTargetTests {
    private static let attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    private static let linears = (0..<3).flatMap { layer in
        attention.map { LinearModule(name: "model.layers.\(layer).self_attn.\($0)", inputs: 8, outputs: 8) }
            + [LinearModule(name: "model.layers.\(layer).mlp.up_proj", inputs: 8, outputs: 16)]
    }

    private static func names(_ change: (inout AdapterSettings) -> Void) throws -> [String] {
        var settings = AdapterSettings()
        change(&settings)
        try settings.requirePatterns(on: linears)
        return try settings.modules(on: linears).map {
            $0.module.name.replacing("model.layers.", with: "").replacing("self_attn.", with: "")
        }
    }

    private static func message(_ change: (inout AdapterSettings) -> Void) -> String {
        do { _ = try names(change) } catch { return "\(error)" }
        return ""
    }

    @Test func anExpressionMatchesWholeNames() throws {
        #expect(try Self.names { $0.targets = .pattern(#".*\.[02]\..*(q|v)_proj"#) } == ["0.q_proj", "0.v_proj", "2.q_proj", "2.v_proj"])
        #expect(
            Self.message { $0.targets = .pattern("(q|v)_proj") }.contains("adapter.target_modules: \"(q|v)_proj\" matches no linear layer"))
        #expect(Self.message { $0.targets = .pattern("(q") }.contains("not understood"))
    }

    @Test func layersAndWhatIsLeftOutNarrowTheTargets() throws {
        #expect(
            try Self.names {
                $0.layers = [1]
                $0.excluded = .names(["up_proj", "model.layers.1.self_attn.k_proj"])
            } == ["1.q_proj", "1.v_proj", "1.o_proj"])
        #expect(try Self.names { $0.excluded = .pattern(".*(k|v|o|up)_proj") } == ["0.q_proj", "1.q_proj", "2.q_proj"])
        #expect(
            Self.message { $0.layers = [0, 3] }.contains(
                "layers_to_transform: names the layer 3; those with modules of target_modules are 0 to 2"))
        #expect(Self.message { $0.excluded = .pattern(".*proj") }.contains("exclude_modules: leaves out every module"))
        #expect(
            Self.message { $0.excluded = .names(["gate_proj"]) }.contains("exclude_modules: the model has no linear layer \"gate_proj\""))
    }

    @Test func ranksAndAlphasOfExpressionsGoToTheEndsOfNames() throws {
        var settings = AdapterSettings(rank: 4, alpha: 8, targets: .names(["q_proj"]))
        settings.rankExceptions = [.init("1.self_attn.q_proj", 2), .init(#"[12]\..*"#, 8)]
        settings.alphaExceptions = [.init("model.layers.2.self_attn.q_proj", 16)]
        let modules = try settings.modules(on: Self.linears)
        #expect(modules.map(\.rank) == [4, 2, 8])
        #expect(modules.map(\.scale) == [2, 4, 2])
        #expect(Self.message { $0.rankExceptions = [.init("gate", 2)] }.contains("rank_pattern: \"gate\" matches no module"))
        #expect(Self.message { $0.alphaExceptions = [.init("(", 2)] }.contains("alpha_pattern: \"(\" is a regular expression"))
        // The end of a name, but not behind a dot.
        #expect(Self.message { $0.rankExceptions = [.init("proj", 2)] }.contains("matches no module"))
    }
}
