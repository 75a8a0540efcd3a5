import Foundation
import JSON
import Jobs
import Manifest
import Spool
import Storage
import Tensors
import TestSupport
import Testing
import Worker

/// Models and adapters as people bring them: what is trained is what they hold, and the result is
/// right elsewhere too.
@Suite(.serialized) struct BroughtModelTests {
    /// A short job on a copy of the reference model, which a test may change.
    final class Job {
        let root = NSTemporaryDirectory() + "tala-brought-\(UUID().uuidString)"
        let folder: JobFolder
        var model: String { root + "/model" }
        var adapter: String { root + "/adapter" }

        init() throws {
            folder = JobFolder(path: root + "/ftjob-01aaaaaaaaaaaaaaaaaaaaaaaa")
            try FileManager.default.createDirectory(atPath: folder.controls, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(atPath: ReferenceSet.own.chatModel) {
                try copy(ReferenceSet.own.chatModel + "/" + name, to: model + "/" + name)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        func copy(_ name: String, to path: String) throws {
            try FileManager.default.createDirectory(atPath: DurableFiles.split(path).folder, withIntermediateDirectories: true)
            try Data(contentsOf: URL(fileURLWithPath: name)).write(to: URL(fileURLWithPath: path))
        }

        @discardableResult
        func run(method: String = "supervised", steps: Int = 1, rate: Double = 3e-3, adapter settings: JSONNode, data: String? = nil) throws
            -> WorkerExit
        {
            let training = data == nil ? ReferenceSet.own.chatModel + "/train.jsonl" : root + "/data.jsonl"
            if let data { try DurableFiles.replace(training, with: data) }
            let hyperparameters: JSONNode = ["max_steps": JSONNode(steps), "batch_size": 4, "learning_rate": JSONNode(rate)]
            let manifest: JSONNode = [
                "model": "m", "training_file": "t", "device": "cpu", "schedule": ["type": "constant"], "shuffle": false, "max_length": 512,
                "method": JSONNode([JSONMember("type", JSONNode(method)), JSONMember(method, ["hyperparameters": hyperparameters])]),
                "adapter": settings,
            ]
            try DurableFiles.replace(folder.manifestFile, with: JSONWriter().string(manifest))
            let acceptance = JobAcceptance(
                createdAt: 1, owner: 0, modelPath: model, trainingPath: training, validationPath: nil,
                initialAdapterPath: settings["init_from"] == nil ? nil : adapter)
            try DurableFiles.replace(folder.acceptanceFile, with: JSONWriter().string(acceptance.json))
            return try JobRunner(folder: folder, deviceSelector: nil, mustStop: { false }).run()
        }

        var failure: String { folder.status()?.error?.message ?? "" }
        var events: String { (try? String(decoding: DurableFiles.read(folder.eventsFile), as: UTF8.self)) ?? "" }
        var firstLoss: Double? {
            let rows = ((try? String(decoding: DurableFiles.read(folder.metricsFile), as: UTF8.self)) ?? "").split(separator: "\n")
            return rows.count > 1 ? rows[1].split(separator: ",").dropFirst().first.flatMap { Double($0) } : nil
        }
        func result(_ name: String) throws -> JSONNode { try JSONParser().parse(DurableFiles.read(folder.result + "/" + name)) }
    }

    private static func numbers(_ file: String, _ name: String) throws -> [Float]? {
        try SafetensorsFile(path: file).tensors.first { $0.name == name }?.floats()
    }

    /// Stores the head a second time in a model's folder.
    private static func storeHead(in model: String, times factor: Float) throws {
        let file = model + "/model.safetensors"
        var tensors = try SafetensorsFile(path: file).tensors.map { ($0.name, $0.shape, $0.floats()) }
        guard let embedding = tensors.first(where: { $0.0 == "model.embed_tokens.weight" }) else { return }
        tensors.append(("lm_head.weight", embedding.1, embedding.2.map { $0 * factor }))
        try FileManager.default.removeItem(atPath: file)
        var writer = try SafetensorsWriter(path: file, entries: tensors.map { .init(name: $0.0, shape: $0.1, elementType: .float32) })
        for tensor in tensors { try tensor.2.withUnsafeBytes { try writer.append($0) } }
        try writer.finish()
    }

    @Test func aTiedHeadThatIsStoredTwiceLeavesNoStaleCopyInTheResult() throws {
        let job = try Job()
        try Self.storeHead(in: job.model, times: 1)
        #expect(try job.run(steps: 2, adapter: ["type": "full"]) == .succeeded, "\(job.failure)")
        let file = job.folder.result + "/model/model.safetensors"
        #expect(try Self.numbers(file, "lm_head.weight") == nil)
        let before = try Self.numbers(job.model + "/model.safetensors", "model.embed_tokens.weight")
        #expect(try Self.numbers(file, "model.embed_tokens.weight") != before)
    }

    @Test func aHeadOfOtherNumbersIsTrainedAsASecondTensorAndTheResultSaysSo() throws {
        let job = try Job()
        try Self.storeHead(in: job.model, times: 1.3)
        #expect(try job.run(steps: 2, adapter: ["type": "full"]) == .succeeded, "\(job.failure)")
        #expect(job.events.contains("lm_head.weight has other numbers"))
        #expect(try job.result("model/config.json")["tie_word_embeddings"]?.bool == false)
        let file = job.folder.result + "/model/model.safetensors"
        for name in ["lm_head.weight", "model.embed_tokens.weight"] {
            #expect(try Self.numbers(file, name) != Self.numbers(job.model + "/model.safetensors", name), "\(name) is the old one")
        }
    }

    @Test func theResultKeepsTheTemplatesWithNames() throws {
        for (kind, folder) in [("lora", "merged"), ("full", "model")] {
            let job = try Job()
            let names = ["tool_use", "rag"].map { "additional_chat_templates/\($0).jinja" }
            // Templates in files go before the one in the configuration.
            let settings = try JSONParser().parse(DurableFiles.read(job.model + "/tokenizer_config.json"))
            try DurableFiles.replace(job.model + "/chat_template.jinja", with: try #require(settings["chat_template"]?.string))
            try FileManager.default.createDirectory(atPath: job.model + "/additional_chat_templates", withIntermediateDirectories: true)
            for name in names {
                try DurableFiles.replace(job.model + "/" + name, with: "{# \(name) #}{{ messages[0].content }}")
            }
            #expect(try job.run(adapter: ["type": JSONNode(kind)]) == .succeeded, "\(job.failure)")
            for name in names + ["chat_template.jinja"] {
                let written = try DurableFiles.read(job.folder.result + "/\(folder)/" + name)
                #expect(try written == DurableFiles.read(job.model + "/" + name), "\(folder)/\(name)")
            }
        }
    }

    @Test func trainingNeverBeginsWithRandomNumbersBesideAFileOfWeights() throws {
        let job = try Job()
        try FileManager.default.moveItem(atPath: job.model + "/model.safetensors", toPath: job.model + "/pytorch_model.bin")
        #expect(try job.run(method: "pretrain", adapter: ["type": "full"], data: "{\"text\": \"once upon a time\"}\n") == .failed)
        #expect(job.failure.contains("pytorch_model.bin") && job.failure.contains("AutoModelForCausalLM"), "\(job.failure)")
    }

    @Test func aModelThatBeginsWithRandomNumbersSaysSoEverywhere() throws {
        let job = try Job()
        try FileManager.default.removeItem(atPath: job.model + "/model.safetensors")
        #expect(
            try job.run(method: "pretrain", adapter: ["type": "full"], data: "{\"text\": \"once upon a time\"}\n") == .succeeded,
            "\(job.failure)")
        #expect(job.events.contains("training starts from random numbers"))
        #expect(try job.result("evaluation.json")["initial_weights"]?.string == "random")
        #expect(try job.folder.validation()?["initial_weights"]?.string == "random")
        let card = try String(decoding: DurableFiles.read(job.folder.result + "/README.md"), as: UTF8.self)
        #expect(card.contains("| initial weights | random numbers"))
    }

    @Test func theTokenThatEndsTheTrainedAnswersEndsGenerationOfTheResult() throws {
        for kind in ["lora", "full"] {
            let job = try Job()
            // The model's files stop at <|endoftext|> only; the template closes an answer with
            // <|end|>, id 3.
            try DurableFiles.replace(job.model + "/generation_config.json", with: #"{"bos_token_id": 0, "eos_token_id": 0}"#)
            #expect(try job.run(adapter: ["type": JSONNode(kind)]) == .succeeded, "\(job.failure)")
            for part in kind == "lora" ? ["merged", "adapter"] : ["model"] {
                let ends = try job.result(part + "/generation_config.json")["eos_token_id"]?.array?.compactMap(\.integer)
                #expect(ends == [0, 3], "\(part)")
            }
            #expect(job.events.contains("Answers end with <|end|> (3)"))
        }
        // Where the files name it already they stay as they are.
        let job = try Job()
        #expect(try job.run(adapter: ["type": "lora", "rank": 2]) == .succeeded)
        #expect(
            try DurableFiles.read(job.folder.result + "/merged/generation_config.json")
                == DurableFiles.read(job.model + "/generation_config.json"))
        #expect(!FileManager.default.fileExists(atPath: job.folder.result + "/adapter/generation_config.json"))
    }

    @Test(.enabled(if: ReferenceSet.available.contains(.shared), "the larger reference set is absent"))
    func anAdapterIsContinuedWithItsOwnRankAndScaleAndAManifestThatSaysOtherwiseIsRefused() throws {
        let reports = ReferenceSet.shared.path("../reports/09-scale-of-a-continued-adapter")
        let data = try String(contentsOfFile: reports + "/data.jsonl", encoding: .utf8)
        func job(_ settings: [JSONMember]) throws -> (job: Job, outcome: WorkerExit) {
            let job = try Job()
            for name in ["adapter_config.json", "adapter_model.safetensors"] {
                try FileManager.default.createDirectory(atPath: job.adapter, withIntermediateDirectories: true)
                try Data(contentsOf: URL(fileURLWithPath: reports + "/adapter/" + name))
                    .write(to: URL(fileURLWithPath: job.adapter + "/" + name))
            }
            let adapter = JSONNode([JSONMember("type", "lora"), JSONMember("init_from", "mine")] + settings)
            return (job, try job.run(adapter: adapter, data: data))
        }
        for settings in [[], [JSONMember("rank", 2)], [JSONMember("rank", 2), JSONMember("alpha", 16)]] as [[JSONMember]] {
            let (job, outcome) = try job(settings)
            #expect(outcome == .succeeded, "\(job.failure)")
            // The base model has 1.1, the adapter at the scale of a manifest without alpha 1.2.
            #expect((job.firstLoss ?? 0) > 2)
            let written = try job.result("adapter/adapter_config.json")
            #expect(written["r"]?.integer == 2 && written["lora_alpha"]?.integer == 16)
            #expect(written["target_modules"]?.array?.compactMap(\.string) == ["down_proj", "q_proj"])
            // The next worker reads the manifest that this one has written.
            #expect(try job.folder.manifest().adapter.lora?.rank == 2)
        }
        for (member, words) in [
            (JSONMember("rank", 16), "adapter.rank: is 16, but the adapter that training starts from has 2"),
            (JSONMember("alpha", 4), "adapter.alpha: is 4.0, but the adapter that training starts from has 16"),
            (JSONMember("use_rslora", true), "adapter.use_rslora: is true"),
            (JSONMember("target_modules", ["q_proj"]), "adapter.target_modules: is for 4 modules"),
        ] {
            let (job, outcome) = try job([member])
            #expect(outcome == .failed && job.failure.contains(words), "\(job.failure)")
        }
    }

    @Test func aTokenThatTheModelLacksIsAnErrorOfItsLineAndNoneWhereItIsNotUsed() throws {
        func job(_ content: String) throws -> (job: Job, outcome: WorkerExit) {
            let job = try Job()
            var tokenizer = try String(contentsOfFile: job.model + "/tokenizer.json", encoding: .utf8)
            guard let place = tokenizer.range(of: "\"added_tokens\": [") else { return (job, .failed) }
            // The embedding has room for 59 more than the vocabulary holds.
            let more = (0..<60).map { index in
                "{\"id\": \(709 + index), \"content\": \"<extra\(index)>\", \"single_word\": false, \"lstrip\": false, "
                    + "\"rstrip\": false, \"normalized\": false, \"special\": true}, "
            }
            tokenizer.insert(contentsOf: more.joined(), at: place.upperBound)
            try DurableFiles.replace(job.model + "/tokenizer.json", with: tokenizer)
            let line =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"\(content)\"}]}\n"
            return (job, try job.run(adapter: ["type": "lora", "rank": 2], data: line + line))
        }
        let unused = try job("once upon a time")
        #expect(unused.outcome == .succeeded, "\(unused.job.failure)")
        #expect(unused.job.events.contains("tokenizer.json has token ids up to"))
        let used = try job("once <extra59>")
        #expect(
            used.outcome == .failed && used.job.failure.contains("line 1") && used.job.failure.contains("<extra59>"), "\(used.job.failure)")
    }

    @Test func everyResultIsReadBackAndHasTheLossOfTheTrainedModel() throws {
        for (kind, part) in [("lora", "adapter"), ("full", "model")] {
            let job = try Job()
            #expect(try job.run(steps: 3, adapter: ["type": JSONNode(kind)]) == .succeeded, "\(job.failure)")
            #expect(job.events.contains("Result read back: result/\(part) has the loss"))
            if kind == "lora" { #expect(job.events.contains("Result read back: result/merged has the loss")) }
        }
    }
}
