import Foundation
import JSON
import Tensors
import Testing

@testable import Models

@Suite struct ModelFolderTests {
    private static let file = "model.safetensors"

    @Test(arguments: [
        ("pytorch_model.bin", "AutoModelForCausalLM"), ("pytorch_model-00001-of-00002.bin", "AutoModelForCausalLM"),
        ("model-00001-of-00002.safetensors", "model.safetensors.index.json"), ("consolidated.safetensors", "Hugging Face's form"),
        ("consolidated.00.pth", "Hugging Face's form"), ("original/consolidated.00.pth", "Hugging Face's form"),
        ("model.fp16.safetensors", "rename model.fp16.safetensors"),
        ("tf_model.h5", "tf_model.h5"), ("flax_model.msgpack", "flax_model.msgpack"), ("model.safetensors.part", "did not end"),
        ("model.safetensors.incomplete", "did not end"), ("adapter_model.safetensors", "adapter.init_from"),
        ("checkpoint-10/model.safetensors", "checkpoint-10/model.safetensors"), ("Model.PT", "Model.PT"),
        ("model.SAFETENSORS", "rename model.SAFETENSORS to model.safetensors"), ("weights.tar", "weights.tar is an archive: unpack it"),
        ("model.safetensors.zip", "is an archive: unpack it"), ("llama.tar.gz", "is an archive: unpack it"),
    ])
    func weightsUnderAnotherNameAreNeverPassedOver(name: String, advice: String) throws {
        let model = try TinyModel()
        defer { model.remove() }
        try model.move(Self.file, to: name)
        #expect { try OpenedModel(path: model.path) } throws: { error in
            let text = "\(error)"
            return text.contains(name) && text.contains(advice) && text.contains("random numbers")
        }
    }

    @Test func aFolderWithoutAnyFileOfWeightsHasNone() throws {
        let model = try TinyModel()
        defer { model.remove() }
        try FileManager.default.removeItem(atPath: model.path + "/" + Self.file)
        for other in ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "README.md", "tokenizer.json", "merges.txt"] {
            try model.write("{}", to: other)
        }
        #expect(try OpenedModel(path: model.path).weights == nil)
    }

    @Test func aLinkOfWeightsThatLeadsNowhereIsNotAFolderWithoutWeights() throws {
        let model = try TinyModel()
        defer { model.remove() }
        try FileManager.default.removeItem(atPath: model.path + "/" + Self.file)
        try FileManager.default.createSymbolicLink(atPath: model.path + "/" + Self.file, withDestinationPath: "../../blobs/none")
        #expect { try OpenedModel(path: model.path) } throws: { "\($0)".contains("leads nowhere") }
    }

    @Test(arguments: [
        (
            "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1044992\n",
            "git lfs pull (its size would be 1044992 bytes)"
        ),
        ("model.safetensors", "\n <!DOCTYPE html><html>", "begins with `<!DOCTYPE html>"),
        ("model.safetensors", "Repository not found, or you are not allowed to see it", "begins with `Repository not found"),
        ("config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", "git lfs pull (its size would be 7 bytes)"),
        ("config.json", "<html><body>Sign in</body></html>", "web page"),
    ])
    func aPointerOrAPageInAFilesPlaceIsCalledByItsName(name: String, content: String, words: String) throws {
        let model = try TinyModel()
        defer { model.remove() }
        try model.write(content, to: name)
        #expect { try OpenedModel(path: model.path) } throws: { "\($0)".contains(name) && "\($0)".contains(words) }
    }

    @Test func anIndexMayNameWhatTheModelDoesNotNeedAndNothingElse() throws {
        let model = try TinyModel(shardByteLimit: 2_000)
        defer { model.remove() }
        let path = model.path + "/model.safetensors.index.json"
        let index = try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: path))))
        let places = index["weight_map"]?.object ?? []
        #expect(Set(places.compactMap(\.node.string)).count > 2)
        func write(_ places: [JSONMember]) throws {
            try model.write(JSONWriter().string(["weight_map": JSONNode(places)]), to: "model.safetensors.index.json")
        }
        let tower = [
            JSONMember("vision_tower.patch.weight", "model-99999-of-99999.safetensors"),
            JSONMember("model.layers.7.mtp.weight", places.first?.node ?? nil),
        ]
        try write(places + tower)
        try model.load()
        // A needed tensor whose shard is not there is named with it.
        try write(places.map { $0.key == "model.norm.weight" ? JSONMember($0.key, "model-99999-of-99999.safetensors") : $0 } + tower)
        try FileManager.default.removeItem(atPath: model.path + "/" + (places.first { $0.key == "model.norm.weight" }?.node.string ?? ""))
        #expect { try model.load() } throws: { error in
            "\(error)".contains("model.safetensors.index.json and is not there: download it")
        }
    }

    @Test func tensorsOfAnotherPrefixAreNamedInTheRefusal() throws {
        let model = try TinyModel()
        defer { model.remove() }
        try model.rewrite { tensors in
            tensors = Dictionary(uniqueKeysWithValues: tensors.map { (String($0.key.dropFirst("model.".count)), $0.value) })
        }
        #expect { try model.load() } throws: { "\($0)".contains("embed_tokens.weight: its tensors have another prefix") }
    }

    @Test func aHeadStoredTwiceIsTiedWhereItIsTheSameAndAHeadOfItsOwnWhereItIsNot() throws {
        let model = try TinyModel()
        defer { model.remove() }
        func store(_ factor: Float) throws {
            try model.rewrite { tensors in
                guard var head = tensors["model.embed_tokens.weight"] else { return }
                head.numbers = head.numbers.map { $0 * factor }
                tensors["lm_head.weight"] = head
            }
        }
        try store(1)
        let tied = try OpenedModel(path: model.path)
        #expect(tied.configuration.tiesEmbeddings && tied.remarks.isEmpty && !tied.isUntied)
        try store(1.5)
        let untied = try OpenedModel(path: model.path)
        #expect(!untied.configuration.tiesEmbeddings && untied.isUntied)
        #expect(untied.remarks.contains { $0.contains("lm_head.weight has other numbers") })
    }
}
