import Foundation
import JSON
import Jobs
import Manifest
import Models
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Tokenization
import Worker

/// Whole jobs that add tokens to their model.
///
/// The model has 709 tokens and 768 rows: a few tokens find room there, seventy do not.
@Suite(.serialized) struct AddedTokenJobTests {
    static let data = ReferenceSet.checkout + "/demo/tune.jsonl"
    /// Texts that every answer has, and one special token.
    static let few: JSONNode = ["Good day!", "said the old owl", ["content": "<|owl|>", "special": true]]
    static let many = JSONNode((few.array ?? []) + (0..<67).map { JSONNode("<place_\($0)>") })

    struct Kind: Sendable, CustomStringConvertible {
        var description: String
        var tokens: JSONNode
        var adapter: JSONNode = ["type": "lora", "rank": 2]
        var changes: [String: JSONNode] = [:]
        /// Rows of the result's embedding.
        var rows: Int
        var isFull: Bool { adapter["type"]?.string == "full" }
        var wholeModel: String { isFull ? "model" : "merged" }
    }
    static let kinds = [
        Kind(description: "few, LoRA", tokens: few, rows: 768), Kind(description: "many, LoRA", tokens: many, rows: 779),
        Kind(description: "many, all weights", tokens: many, adapter: ["type": "full"], rows: 779),
        Kind(description: "many, over nf4", tokens: many, changes: ["base_weights": "nf4"], rows: 779),
        Kind(description: "many, over q8", tokens: many, changes: ["base_weights": "q8"], rows: 779),
        Kind(
            description: "few, DoRA and another module", tokens: few,
            adapter: ["type": "lora", "rank": 2, "use_dora": true, "modules_to_save": ["norm"], "target_modules": ["q_proj"]], rows: 768),
    ]

    private static func job(
        _ kind: Kind, model: String? = nil, changes: [String: JSONNode] = [:], steps: Int = 4
    ) throws -> ReferenceJob {
        let base: [String: JSONNode] = [
            "adapter": kind.adapter, "add_tokens": kind.tokens, "checkpoint": ["every_steps": 2], "shuffle": true,
            "schedule": ["type": "constant", "warmup_steps": 1],
        ]
        return try ReferenceJob(
            lora: !kind.isFull, model: model, data: data, changes: base.merging(kind.changes) { $1 }.merging(changes) { $1 }, steps: steps)
    }

    private static func loss(_ job: ReferenceJob) throws -> Double {
        let figures = try JSONParser().parse(job.resultBytes("evaluation.json"))
        return (figures["validation"]?["loss"] ?? figures["loss"])?.double ?? .infinity
    }

    private static func tensors(_ path: String) throws -> [String: StoredTensor] {
        Dictionary(uniqueKeysWithValues: try SafetensorsFile(path: path).tensors.map { ($0.name, $0) })
    }

    @Test(arguments: kinds) func aJobThatIsStoppedEndsInTheSameBytes(kind: Kind) throws {
        let part = kind.wholeModel
        let files =
            ["\(part)/model.safetensors", "\(part)/config.json", "\(part)/tokenizer.json", "\(part)/tokenizer_config.json"]
            + (kind.isFull ? [] : ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "adapter/tokenizer.json"])
        let whole = try ReferenceJob.thatMayStop(files) { try Self.job(kind) }
        defer { whole.remove() }

        // The whole model has the tokens in all its files.
        let result = whole.folder.result + "/" + part
        let opened = try OpenedModel(path: result)
        #expect(opened.configuration.vocabularySize == kind.rows && opened.configuration.tiesEmbeddings)
        let weights = try #require(opened.weights)
        let embedding = try #require(weights.tensors["model.embed_tokens.weight"])
        #expect(embedding.shape == [kind.rows, 128] && weights.tensors["lm_head.weight"] == nil)
        let tokenizer = try Tokenizer(folder: result)
        let text = "Good day! The hen is brown, said the old owl."
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(ids.contains(709) && ids.contains(710) && tokenizer.id(of: "<|owl|>") == 711 && tokenizer.isSpecial(711))
        #expect(tokenizer.decode(ids) == text)
        // What was added has been learnt: its rows are no longer the mean.
        let numbers = embedding.floats()
        func row(_ id: Int) -> [Float] { Array(numbers[id * 128..<(id + 1) * 128]) }
        let untouched = kind.rows > 768 ? row(770) : nil
        if let untouched { for id in [709, 710] { #expect(row(id) != untouched) } }
        #expect(row(709) != row(710))
        #expect(whole.metrics.map { $0["train_loss"] ?? 0 }.allSatisfy { $0.isFinite && $0 > 0 })
    }

    /// The new rows begin at the mean of those that the tokenizer uses: with tokens that no example
    /// has, the model is the same.
    @Test func tokensThatNoExampleHasLeaveTheFirstLossNearlyAsItWas() throws {
        let unused = Kind(description: "", tokens: ["<never>"], adapter: ["type": "lora", "rank": 2], rows: 768)
        let plain = try Self.job(unused, changes: ["add_tokens": nil, "adapter": ["type": "lora", "rank": 2]], steps: 1)
        let grown = try Self.job(unused, steps: 1)
        defer {
            plain.remove()
            grown.remove()
        }
        #expect(try plain.run() == .succeeded && grown.run() == .succeeded, "\(grown.message)")
        let (before, after) = (plain.metrics.first?["train_loss"] ?? 0, grown.metrics.first?["train_loss"] ?? 9)
        // One row more of 768 in the softmax, at the mean of the others.
        #expect(abs(before - after) < 0.01 * before, "\(before), with a token more \(after)")
    }

    /// Adapter and merged model are one function, whoever reads them: an evaluation job, another
    /// job that goes on, the command line.
    @Test(arguments: [kinds[0], kinds[1]]) func theResultIsUsedAsAnyOther(kind: Kind) throws {
        let first = try Self.job(kind)
        defer { first.remove() }
        #expect(try first.run() == .succeeded, "\(first.message)")
        let loss = try Self.loss(first)
        let adapter = first.folder.result + "/adapter"
        let method: JSONNode = ["type": "evaluation", "evaluation": JSONNode([JSONMember]())]
        let judged = try ReferenceJob(
            lora: true, data: Self.data, initialAdapter: adapter,
            changes: ["training_file": nil, "method": method, "adapter": ["type": "lora", "init_from": "a"]])
        let merged = try ReferenceJob(
            lora: true, model: first.folder.result + "/merged", data: Self.data,
            changes: ["training_file": nil, "method": method, "adapter": ["type": "lora"]])
        let second = try ReferenceJob(
            lora: true, data: Self.data, initialAdapter: adapter,
            changes: ["adapter": ["type": "lora", "init_from": "a"], "schedule": ["type": "constant", "warmup_steps": 1]], steps: 1)
        defer { for job in [judged, merged, second] { job.remove() } }
        for job in [judged, merged, second] { #expect(try job.run() == .succeeded, "\(job.message)") }
        #expect(try abs(Self.loss(judged) - loss) < 1e-5 && abs(Self.loss(merged) - loss) < 1e-5)
        // One step at the first step of a warm-up changes nothing.
        let after = try Self.loss(second)
        #expect(abs(after - loss) < 1e-5, "\(loss), gone on with \(after)")
        #expect(
            try Self.tensors(second.folder.result + "/adapter/adapter_model.safetensors")["base_model.model.model.embed_tokens.weight"]?
                .shape == [kind.rows, 128])
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            #expect(try second.resultBytes("adapter/" + file) == first.resultBytes("adapter/" + file), "\(file)")
        }
        let configuration = try JSONParser().parse(first.resultBytes("adapter/adapter_config.json"))
        #expect(configuration["ensure_weight_tying"]?.bool == true)
        #expect(configuration["modules_to_save"]?.withoutPlaces == ["embed_tokens", "lm_head"])
        let saved = try Self.tensors(adapter + "/adapter_model.safetensors")
        let (embedding, head) = (saved["base_model.model.model.embed_tokens.weight"], saved["base_model.model.lm_head.weight"])
        #expect(embedding != nil && head != nil && embedding?.floats() == head?.floats())

        guard BuiltProgram(name: "tala").isBuilt else { return }
        let tala = BuiltProgram(name: "tala")
        let base = ReferenceSet.own.trajectoryModel
        let question = ["--prompt", "What does the dog eat?", "--chat", "--max-tokens", "12"]
        let checkpoint = first.folder.checkpoints + "/" + (try #require(first.folder.checkpointNames.last))
        let answers = try [
            ["--model", base, "--adapter", adapter], ["--model", first.folder.result + "/merged"],
            ["--model", base, "--adapter", checkpoint],
        ].map { try tala.run(["generate"] + $0 + question) }
        for answer in answers { #expect(answer.status == 0, "\(answer)") }
        #expect(Set(answers.map(\.output)).count == 1 && !answers[0].output.isEmpty, "\(answers.map(\.output))")

        let folder = NSTemporaryDirectory() + "tala-grown-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        let exported = try tala.run(["export", adapter, "--base", base, "--format", "merged", folder + "/merged"])
        #expect(exported.status == 0, "\(exported)")
        #expect(
            try DurableFiles.read(folder + "/merged/model.safetensors") == first.resultBytes("merged/model.safetensors"),
            "the command writes what the job writes")
        let gguf = try tala.run(["export", adapter, "--base", base, folder + "/grown.gguf", "--type", "f32"])
        #expect(gguf.status == 0, "\(gguf)")
        let read = try OpenedModel(path: folder + "/grown.gguf")
        #expect(read.configuration.vocabularySize == kind.rows)
        #expect(try Tokenizer(TokenizerTexts(read.folder)).encode("Good day!", addSpecialTokens: false) == [709])
        // Rows of its own have no place in a sum of matrices, nor in an adapter's GGUF file.
        for command in [
            ["merge", adapter + "=0.5", "--base", base, "--output", folder + "/sum"],
            ["export", adapter, "--base", base, "--format", "gguf-adapter", folder + "/adapter.gguf"],
        ] {
            let refused = try tala.run(command)
            #expect(refused.status != 0 && refused.errors.contains("modules_to_save: embed_tokens, lm_head"), "\(refused)")
        }
    }

    /// A base of two tables keeps two, and both learn the tokens.
    @Test func aHeadOfItsOwnGrowsAndLearnsToo() throws {
        let untied = try Self.job(
            Kind(description: "", tokens: ["<never>"], adapter: ["type": "lora", "rank": 2, "modules_to_save": ["lm_head"]], rows: 768),
            changes: ["add_tokens": nil], steps: 1)
        defer { untied.remove() }
        #expect(try untied.run() == .succeeded, "\(untied.message)")
        let model = untied.folder.result + "/merged"
        let job = try Self.job(Self.kinds[1], model: model)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.message)")
        let opened = try OpenedModel(path: job.folder.result + "/merged")
        #expect(!opened.configuration.tiesEmbeddings)
        let (old, new) = (try OpenedModel(path: model).weights, opened.weights)
        for name in ["model.embed_tokens.weight", "lm_head.weight"] {
            let tensor = try #require(new?.tensors[name])
            #expect(tensor.shape == [779, 128])
            let numbers = tensor.floats()
            let before = try #require(old?.tensors[name]).floats()
            let mean = (0..<128).map { column in Float((0..<709).reduce(0.0) { $0 + Double(before[$1 * 128 + column]) } / 709) }
            #expect(zip(numbers[709 * 128..<710 * 128], mean).contains { abs($0 - $1) > 1e-4 }, "\(name)")
        }
        let configuration = try JSONParser().parse(job.resultBytes("adapter/adapter_config.json"))
        #expect(
            configuration["ensure_weight_tying"] == nil && configuration["modules_to_save"]?.withoutPlaces == ["embed_tokens", "lm_head"])
    }

    @Test func aClassifierLearnsThemInItsEmbedding() throws {
        let lines = (0..<24).map { #"{"text": "\#($0 % 2 == 0 ? "<x> the hen" : "the pig <y>")", "label": "\#($0 % 2)"}"# }
        let file = NSTemporaryDirectory() + "tala-grown-\(UUID().uuidString).jsonl"
        try DurableFiles.replace(file, with: lines.joined(separator: "\n") + "\n")
        let hyperparameters: JSONNode = ["hyperparameters": ["max_steps": 3, "batch_size": 4, "learning_rate": 1e-3]]
        let job = try ReferenceJob(
            lora: true, data: file,
            changes: [
                "adapter": ["type": "lora", "rank": 2], "add_tokens": ["<x>", "<y>"],
                "method": ["type": "classification", "classification": hyperparameters],
            ])
        defer {
            job.remove()
            FolderListing.delete(file)
        }
        #expect(try job.run() == .succeeded, "\(job.message)")
        let configuration = try JSONParser().parse(job.resultBytes("adapter/adapter_config.json"))
        #expect(
            configuration["modules_to_save"]?.withoutPlaces == ["embed_tokens", "score"] && configuration["ensure_weight_tying"] == nil)
        #expect(try Tokenizer(folder: job.folder.result + "/merged").encode("<x>", addSpecialTokens: false) == [709])
    }

    @Test func aFileOfBlocksGrowsInFloats() throws {
        guard BuiltProgram(name: "tala").isBuilt else { return }
        let folder = NSTemporaryDirectory() + "tala-grown-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder)
        defer { FolderListing.delete(folder) }
        let made = try BuiltProgram(name: "tala").run([
            "export", ReferenceSet.own.trajectoryModel, folder + "/small.gguf", "--type", "q8_0",
        ])
        #expect(made.status == 0, "\(made)")
        let job = try Self.job(
            Self.kinds[1], model: folder + "/small.gguf",
            changes: ["result": ["formats": ["adapter", "merged", "gguf"], "gguf_type": "q8_0"]])
        let reference = try Self.job(Self.kinds[1])
        defer {
            job.remove()
            reference.remove()
        }
        #expect(try job.run() == .succeeded, "\(job.message)")
        #expect(try reference.run() == .succeeded)
        for (found, wanted) in zip(job.metrics, reference.metrics) {
            #expect(abs((found["train_loss"] ?? 0) - (wanted["train_loss"] ?? 9)) < 0.02 * (wanted["train_loss"] ?? 1))
        }
        let name = try #require(try FolderListing.names(in: job.folder.result + "/gguf").first { $0.hasSuffix(".gguf") })
        #expect(try OpenedModel(path: job.folder.result + "/gguf/" + name).configuration.vocabularySize == 779)
    }

    /// Tokens, an adapter, and what is said of them; nothing where they are taken.
    static let attempts: [(tokens: JSONNode, adapter: JSONNode, words: String)] = [
        (["<|end|>"], ["type": "lora"], "add_tokens[0]: \"<|end|>\" is a token of the model already, with the id 3"),
        (["<new>"], ["type": "lora", "target_modules": ["embed_tokens", "q_proj"]], "trains model.embed_tokens as a whole"),
        (["<new>"], ["type": "full"], ""),
    ]

    @Test(arguments: attempts)
    func whatCannotBeAddedIsRefusedBeforeTraining(tokens: JSONNode, adapter: JSONNode, words: String) throws {
        let job = try Self.job(Kind(description: "", tokens: tokens, adapter: adapter, rows: 768), steps: 1)
        defer { job.remove() }
        #expect(try job.run() == (words.isEmpty ? .succeeded : .failed))
        if !words.isEmpty { #expect(job.message.contains(words), "\(job.message)") }
    }

    /// The tokens of a file are kept by what the tokenizer says: another token is another entry.
    @Test func aJobSaysWhatItAdds() throws {
        let job = try Self.job(Self.kinds[0], steps: 1)
        defer { job.remove() }
        #expect(try job.run() == .succeeded, "\(job.message)")
        let events = String(decoding: try DurableFiles.read(job.folder.eventsFile), as: UTF8.self)
        #expect(
            events.contains(#"Added to the vocabulary: \"Good day!\" (709), \"said the old owl\" (710), \"<|owl|>\" (711)"#), "\(events)")
    }
}
