import ArgumentParser
import CommandLineTools
import Glibc
import JSON
import Models
import Storage
import Tensors
import Tokenization

/// `tala bench make-checkpoint`: a model folder of a published model's shape with random weights,
/// which a job can tune.
struct BenchMakeCheckpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-checkpoint", abstract: "Write a model folder of a shape with random weights.",
        discussion: """
            The folder gets config.json, safetensors shards with their index, and a tokenizer whose tokens are bytes, with a chat template: enough for \
            a job to tune it. The weights are written as they are drawn, so the shape may be larger than memory.
            """)
    @Option(help: "\(BenchShapes.names.joined(separator: ", ")), a config.json or the folder of one.") var shape = "phi-3-mini"
    @Option(help: "The type of the weights: bfloat16, float16 or float32.") var type = "bfloat16"
    @Option(help: "Bytes of a shard at most.") var shardBytes = 2 << 30
    @Flag(help: "Print one JSON object, also for an error.") var json = false
    @Argument(help: "The folder to make; it must not exist.") var folder: String

    func validate() throws {
        guard ElementType(rawValue: type)?.isFloatingPoint == true else {
            throw ValidationError("--type is bfloat16, float16 or float32, not \"\(type)\"")
        }
        guard shardBytes >= 1 << 20 else { throw ValidationError("--shard-bytes is at least 1048576") }
    }

    func run() throws {
        let configuration = try BenchShapes.configuration(shape)
        guard configuration.vocabularySize >= ByteTokenizer.size else {
            throw ValidationError(
                "the vocabulary of \(configuration.vocabularySize) tokens is smaller than the \(ByteTokenizer.size) of the byte tokenizer")
        }
        do throws(StorageError) { try DurableFiles.makeFolder(folder, isNew: true) } catch {
            throw CommandFailure(.failed, "\(folder) cannot be made: \(error)")
        }
        try put("config.json", configurationFile())
        try put("tokenizer.json", ByteTokenizer.file)
        try put("tokenizer_config.json", ByteTokenizer.configuration)
        let output = DeferredOutput()
        try RandomCheckpoint(configuration, elementType: ElementType(rawValue: type) ?? .bfloat16, shardByteLimit: shardBytes).make(
            in: folder
        ) {
            if !json { output.line($0) }
        }
        try output.finish()
        if json {
            let files = try FolderListing.names(in: folder).map { JSONNode($0) }
            try StandardOutput.json(["folder": JSONNode(folder), "files": JSONNode(files)], isIndented: false)
        }
    }

    private func put(_ name: String, _ node: JSONNode) throws {
        try DurableFiles.replace(folder + "/" + name, with: JSONWriter(isIndented: true).string(node) + "\n")
    }

    /// A shape's own config.json where it is a file; of a built-in one what makes it that shape.
    private func configurationFile() throws -> JSONNode {
        guard let members = BenchShapes.builtIn(shape) else {
            let path = shape.hasSuffix(".json") ? shape : shape + "/config.json"
            return try JSONParser().parse(DurableFiles.read(path, limit: 1 << 20))
        }
        return JSONNode(
            members + [
                JSONMember("torch_dtype", JSONNode(type)), JSONMember("eos_token_id", JSONNode(ByteTokenizer.endID)),
                JSONMember("bos_token_id", JSONNode(ByteTokenizer.endID)),
            ])
    }
}

/// A tokenizer whose tokens are the 256 bytes and the marks of a chat.
enum ByteTokenizer {
    static let special = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    static let size = special.count + 256
    static let endID = 0

    static var file: JSONNode { BytePairTrainer(vocabularySize: size, specialTokens: special).train(on: "") }

    static var configuration: JSONNode {
        [
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>", "clean_up_tokenization_spaces": false,
            "chat_template": """
            {% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
            """,
        ]
    }
}
