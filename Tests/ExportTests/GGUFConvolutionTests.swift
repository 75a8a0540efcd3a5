import Foundation
import GGUF
import JSON
import Models
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels

/// LFM2 in GGUF files, of which most layers have convolutions in the place of attention.
@Suite struct GGUFConvolutionTests {
    private static let configuration = """
        {"model_type": "lfm2", "hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2,
         "vocab_size": 768, "max_position_embeddings": 512, "norm_eps": 1e-5, "rope_theta": 1000000.0, "conv_L_cache": 3,
         "conv_bias": false, "block_ff_dim": 60, "block_multiple_of": 8, "block_ffn_dim_multiplier": 1.5,
         "block_auto_adjust_ff_dim": true, "full_attn_idxs": [2, 4], "tie_embedding": true, "initializer_range": 0.3}
        """

    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "tala-gguf-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        try body(folder)
    }

    private static func write(_ mix: GGUFMix, in folder: String, _ change: (String) -> String = { $0 }) throws -> Checkpoint {
        try change(configuration).write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        try RandomCheckpoint(ModelConfiguration(folder: folder), elementType: .float32).make(in: folder)
        let checkpoint = try #require(try OpenedModel(path: folder).weights)
        let plan = try GGUFPlan(GGUFTexts(JoinedFolder(folder, tokenizer: ReferenceSet.own.chatModel)), checkpoint, mix: mix, name: "Name")
        try GGUFExport.writeModel(plan, StoredRows(checkpoint), to: folder + "/model.gguf")
        return checkpoint
    }

    @Test(arguments: [GGUFMix.f32, .q4_0]) func aFileSaysWhichLayersAttendAndIsReadAgain(mix: GGUFMix) throws {
        try Self.inFolder { folder in
            let checkpoint = try Self.write(mix, in: folder)
            let file = try GGUFModels.GGUFFile(path: folder + "/model.gguf")
            #expect(try file.metadata.text("general.architecture") == "lfm2")
            #expect(try file.metadata.integers("lfm2.attention.head_count_kv") == [0, 0, 2, 0, 2])
            #expect(try file.metadata.integer("lfm2.shortconv.l_cache", in: 0...9) == 3)
            // Two thirds of 60, times one and a half, rounded up to a multiple of eight.
            #expect(try file.metadata.integer("lfm2.feed_forward_length", in: 0...999) == 64)
            let tensors = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
            #expect(tensors["blk.0.shortconv.in_proj.weight"]?.shape == [96, 32])
            #expect(tensors["blk.0.shortconv.conv.weight"]?.shape == [32, 3] && tensors["blk.0.shortconv.conv.weight"]?.type.name == "F32")
            #expect(tensors["blk.0.attn_q.weight"] == nil && tensors["blk.2.attn_output.weight"]?.shape == [32, 32])
            #expect(tensors["token_embd_norm.weight"]?.shape == [32] && tensors["output.weight"] == nil)
            let opened = try OpenedModel(path: folder + "/model.gguf")
            var (found, known) = (opened.configuration, try ModelConfiguration(folder: folder))
            (found.storedType, known.storedType, found.initializerRange, known.initializerRange) = (.float32, .float32, 0, 0)
            #expect(found == known && found.convolutionLayers == [0, 1, 3])
            let weights = try #require(opened.weights)
            #expect(Set(weights.tensors.keys) == Set(checkpoint.tensors.keys))
            for (name, tensor) in checkpoint.tensors {
                let own = try #require(weights.tensors[name])
                #expect(own.shape == tensor.shape)
                if mix == .f32 || own.blocks == nil { #expect(own.floats() == tensor.floats(), "\(name)") }
            }
            #expect((weights.tensors["model.layers.0.conv.in_proj.weight"]?.blocks != nil) == (mix == .q4_0))
            _ = try LanguageModel(opened.configuration, source: .checkpoint(weights), training: .nothing, maximumLength: 8)
            #expect(weights.title(of: "model.layers.1.conv.out_proj.weight") == "blk.1.shortconv.out_proj.weight")
        }
    }

    @Test func whatAFileCannotSayIsRefused() throws {
        for (other, word) in [
            ("\"conv_bias\": true", "conv_bias is true"), ("\"conv_bias\": false, \"head_dim\": 16", "head_dim is 16"),
        ] {
            try Self.inFolder { folder in
                do {
                    _ = try Self.write(.f16, in: folder) { $0.replacingOccurrences(of: "\"conv_bias\": false", with: other) }
                    Issue.record("\(other) was written")
                } catch let error as GGUFError {
                    #expect(error.description.contains(word), "\(error)")
                }
            }
        }
    }
}
