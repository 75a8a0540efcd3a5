import ArgumentParser
import CommandLineTools
import Devices
import Engine
import Glibc
import Graph
import JSON
import Jobs
import Models
import Spool
import Storage
import Tensors
import Templates
import Tokenization

/// `tala generate`: asks a model, with or without an adapter.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Continue a text, or answer a prompt, with a model and an adapter.")
    @OptionGroup var options: SpoolOptions
    @Option(help: "A finished job's id, a name in models/, a model's folder or a GGUF file.", completion: ModelCompletion.names)
    var model: String
    @Option(help: "A PEFT adapter's folder, or the id of the job that trained it.") var adapter: String?
    @Option(help: "The text to continue, or the user's words with --chat.") var prompt: String
    @Flag(help: "Put the prompt into the model's chat template.") var chat = false
    @Option(help: "New tokens at most.") var maxTokens = 128
    @Option(help: "0 takes the likeliest token every time.") var temperature = 0.0
    @Option(help: "Draw from the likeliest tokens with this probability together.") var topP = 1.0
    @Option(help: "The seed of the draws.") var seed: UInt64 = 0
    @Option(help: "The device.") var device = "cpu"

    func validate() throws {
        guard (1...1_000_000).contains(maxTokens) else { throw ValidationError("--max-tokens is out of range") }
        guard temperature >= 0, temperature.isFinite, topP > 0, topP <= 1 else {
            throw ValidationError("--temperature or --top-p is out of range")
        }
    }

    func run() throws {
        let (model, adapter, json) = (try modelPlace(), adapterPlace, options.json)
        if ModelFolders.form(of: model) != .gguf {
            try Self.checkFolder(model, holding: "a model: config.json, weights in safetensors, tokenizer.json")
        }
        if let adapter { try Self.checkFolder(adapter, holding: "a PEFT adapter: adapter_config.json, adapter_model.safetensors") }
        do {
            let stored = try adapter.map { try AdapterFolder($0) }
            let opened = try OpenedModel(path: model, for: stored)
            guard let weights = opened.weights else {
                throw ModelError(file: model, "contains no weights: neither model.safetensors nor shards with their index")
            }
            for remark in opened.remarks { StandardError.write("\(remark)\n") }
            let configuration = opened.configuration
            var encoder = try ChatEncoder(TokenizerTexts(opened.folder))
            encoder.clock = .now
            try configuration.requireEmbedding(of: [encoder.tokenizer.vocabularySize - 1], from: opened.folder.place(of: "tokenizer.json"))
            let text: String
            if chat {
                text = try encoder.render(messages: [["role": "user", "content": JSONNode(prompt)]], addGenerationPrompt: true)
            } else {
                text = prompt
            }
            let ids = encoder.tokenizer.encode(text, addSpecialTokens: !chat)
            if let id = ids.first(where: { $0 < 0 || Int($0) >= configuration.vocabularySize }) {
                throw ModelError(
                    file: opened.folder.place(of: "tokenizer.json"),
                    "gives the prompt the token id \(id), but config.json's vocab_size is \(configuration.vocabularySize)")
            }
            let capacity = ids.count + maxTokens + 1
            // Only what the files name ends an answer: the model's, and the adapter's where it has
            // a generation_config.json.
            var ends = Set(encoder.specialTokens.stopIDs)
            var training = LanguageModel.Training.nothing
            if let stored {
                let linears = try LanguageModel.linearModules(of: configuration)
                training = .adapter(try stored.settings(on: linears), seed: 0)
                ends.formUnion(try ChatEncoder.endIDs(in: stored.path))
            }
            let chosen = try Devices.make(device) { StandardError.write(plain("the processor stands in: \($0)") + "\n") }
            let mixable = Set([ElementType.bfloat16, .float16].filter { chosen.mixesFloat32(with: $0) })
            let loaded = try LanguageModel(
                configuration, source: .checkpoint(weights), training: training, precision: .init(mixableTypes: mixable),
                maximumLength: capacity,
                pageByteLimit: min(64 << 20, chosen.limits.maximumTensorBytes))
            if let remark = loaded.widenedRemark { StandardError.write("\(remark)\n") }
            let engine = try Engine(
                loaded, tokenizer: encoder.tokenizer, on: chosen, EngineSettings(slots: 1, contextLength: capacity))
            var request = GenerationRequest(id: 0, prompt: ids, maximumTokens: maxTokens)
            request.endIDs = ends
            request.sampling = SamplingSettings(temperature: temperature, topP: topP, seed: seed)
            // Words appear as they are found; a JSON object is printed whole.
            var stream = TextStream(encoder.tokenizer)
            var problem: StorageError?
            let answer =
                try ids.isEmpty
                ? []
                : engine.answer(request) { id in
                    guard !json else { return true }
                    do throws(StorageError) { try StandardOutput.write(stream.append(id)) } catch { problem = error }
                    return problem == nil
                }
            if let problem { throw problem }
            guard json else { return try StandardOutput.line(stream.finish()) }
            let words = encoder.tokenizer.decode(answer, skipSpecialTokens: true)
            try StandardOutput.json(
                ["prompt": JSONNode(prompt), "text": JSONNode(words), "ids": JSONNode(answer.map { JSONNode(Int($0)) })],
                isIndented: false)
        } catch let error as CommandFailure {
            throw error
        } catch let error as ModelError where error.file == "manifest" {
            // The settings come from the adapter's folder here, not from a manifest.
            let field = error.field.map { $0.hasPrefix("adapter.") ? String($0.dropFirst(8)) : $0 }
            throw CommandFailure(
                .invalid, "\(ModelError(file: (adapter ?? model) + "/adapter_config.json", field: field, error.message))")
        } catch {
            throw CommandFailure(.invalid, "\(error)")
        }
    }

    /// What is asked: the result of a job, what has a path, or a name in `models/`.
    /// - Throws: ``CommandFailure`` if there is no such model.
    private func modelPlace() throws(CommandFailure) -> String {
        if JobIdentifier.isJob(model) {
            guard let folder = ModelFolders.model(inResult: options.layout.job(model).result) else {
                throw CommandFailure(.notFound, "the job \(model) has no finished model")
            }
            return folder
        }
        if model.hasPrefix("/") || model.hasPrefix(".") || FolderListing.leads(model) { return model }
        return try ModelsCommand.folder(model, options.layout)
    }

    private var adapterPlace: String? {
        adapter.map { JobIdentifier.isJob($0) ? options.layout.job($0).result + "/adapter" : $0 }
    }

    /// - Throws: ``CommandFailure`` if there is no folder of that name, or one that this user may
    ///   not read.
    private static func checkFolder(_ path: String, holding content: String) throws(CommandFailure) {
        do throws(StorageError) { _ = try FolderListing.names(in: path) } catch {
            switch error.errorNumber {
            case ENOENT: throw CommandFailure(.notFound, "there is no folder \(path); name one with \(content)")
            case ENOTDIR: throw CommandFailure(.notFound, "\(path) is not a folder; name one with \(content)")
            default: throw CommandFailure(.failed, "the folder \(path) cannot be read: \(String(cString: strerror(error.errorNumber)))")
            }
        }
    }
}
