import ArgumentParser
import CommandLineTools
import Dispatch
import Glibc
import JSON
import Models
import Storage
import Synchronization
import Tensors
import Tokenization

/// `tala tokenizer encode|decode|train`.
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Look inside a tokenizer, or train one.",
        subcommands: [Encode.self, Decode.self, Train.self, Measure.self])

    struct Encode: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read {\"text\", \"add_special_tokens\"} lines, write {\"ids\"} lines.")
        @Flag(help: "Print an error as a JSON object too; what is printed otherwise is one object a line anyway.") var json = false
        @Argument(help: "A model folder, or a tokenizer.json.") var model: String

        func run() throws {
            let tokenizer = try load(model)
            try JSONLines.map { node in
                guard let text = node["text"]?.string else { throw ValidationError("a line has no \"text\"") }
                let ids = tokenizer.encode(text, addSpecialTokens: node["add_special_tokens"]?.bool ?? true)
                return ["ids": JSONNode(ids.map { JSONNode(Int($0)) })]
            }
        }
    }

    struct Decode: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read {\"ids\", \"skip_special_tokens\"} lines, write {\"text\"} lines.")
        @Flag(help: "Print an error as a JSON object too; what is printed otherwise is one object a line anyway.") var json = false
        @Argument(help: "A model folder, or a tokenizer.json.") var model: String

        func run() throws {
            let tokenizer = try load(model)
            try JSONLines.map { node in
                guard let ids = node["ids"]?.array?.compactMap(\.integer) else { throw ValidationError("a line has no \"ids\"") }
                return [
                    "text": JSONNode(
                        tokenizer.decode(ids.map { Int32(clamping: $0) }, skipSpecialTokens: node["skip_special_tokens"]?.bool ?? true))
                ]
            }
        }
    }

    struct Measure: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "bench", abstract: "Measure how fast text becomes tokens.",
            discussion: "FILE is text, cut at its empty lines, or JSON Lines with a \"text\" each. Only the encoding is timed.")
        @Option(help: "Threads.") var threads = 1
        @Flag(help: "Print one JSON object, also for an error.") var json = false
        @Argument(help: "A model folder, or a tokenizer.json.") var model: String
        @Argument(help: "Text, or JSON Lines.") var file: String

        func run() throws {
            guard (1...1024).contains(threads) else { throw ValidationError("--threads is out of range") }
            let tokenizer = try load(model)
            let documents = try Self.documents(file)
            let byteCount = documents.reduce(0) { $0 + $1.utf8.count }
            let counts = Mutex(0)
            let start = ContinuousClock.now
            let (threads, share) = (threads, (documents.count + threads - 1) / threads)
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                var count = 0
                for document in documents[min(documents.count, thread * share)..<min(documents.count, (thread + 1) * share)] {
                    count += tokenizer.encode(document).count
                }
                counts.withLock { [count] in $0 += count }
            }
            let elapsed = ContinuousClock.now - start
            let seconds = max(1e-9, Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
            let tokens = counts.withLock { $0 }
            let (bytes, rates) = (Double(byteCount) / 1e6, (Double(byteCount) / 1e6 / seconds, Double(tokens) / 1e6 / seconds))
            if json {
                return try StandardOutput.json(
                    [
                        "bytes": JSONNode(byteCount), "tokens": JSONNode(tokens), "seconds": JSONNode(seconds),
                        "megabytes_per_second": JSONNode(rates.0), "million_tokens_per_second": JSONNode(rates.1),
                    ], isIndented: false)
            }
            try StandardOutput.line(
                "\(Self.rounded(bytes)) MB, \(tokens) tokens, \(Self.rounded(seconds)) s: \(Self.rounded(rates.0)) MB/s, "
                    + "\(Self.rounded(rates.1)) million tokens/s")
        }

        private static func rounded(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }

        private static func documents(_ file: String) throws -> [String] {
            let bytes = try DurableFiles.read(file)
            if bytes.first == UInt8(ascii: "{") {
                return bytes.split(separator: 0x0A).compactMap { (try? JSONParser().parse(Array($0)))?["text"]?.string }
            }
            var documents: [String] = []
            var start = 0
            for index in bytes.indices.dropFirst() where bytes[index] == 0x0A && bytes[index - 1] == 0x0A {
                documents.append(String(decoding: bytes[start...index], as: UTF8.self))
                start = index + 1
            }
            return documents + [String(decoding: bytes[start...], as: UTF8.self)]
        }
    }

    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Train a byte-level byte-pair encoding on text files.",
            discussion: "A .jsonl file gives the \"text\" of each line, any other file all of its text. The same files give the same bytes."
        )
        @Option(help: "Tokens in all, special ones included.") var vocabularySize = 1024
        @Option(name: .customLong("special"), help: "A special token; may be repeated. The first gets id 0.") var special: [String] = []
        @Option(help: "How text is cut into words: gpt-2 or llama-3.") var splitting = "gpt-2"
        @Option(help: "A pair that occurs more seldom is not merged.") var minimumFrequency = 2
        @Option(help: "Where tokenizer.json is written.") var output: String
        @Flag(help: "Print one JSON object, also for an error.") var json = false
        @Argument(help: "Text or .jsonl files.") var files: [String]

        func validate() throws {
            guard BytePairTrainer.Splitting(rawValue: splitting) != nil else { throw ValidationError("--splitting is gpt-2 or llama-3") }
            guard (256 + special.count...1 << 24).contains(vocabularySize) else {
                throw ValidationError("--vocabulary-size is at least 256 (one for each byte) and the special tokens")
            }
            guard minimumFrequency > 0 else { throw ValidationError("--minimum-frequency is at least 1") }
        }

        func run() throws {
            var texts: [String] = []
            for file in files {
                let bytes = try DurableFiles.read(file)
                guard file.hasSuffix(".jsonl") else {
                    guard let text = String(validating: bytes, as: UTF8.self) else { throw ValidationError("\(file) is not UTF-8") }
                    texts.append(text)
                    continue
                }
                for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
                    guard let text = (try? JSONParser().parse(Array(line)))?["text"]?.string else {
                        throw ValidationError("\(file):\(index + 1): has no \"text\" that is a string")
                    }
                    texts.append(text)
                }
            }
            let trainer = BytePairTrainer(
                vocabularySize: vocabularySize, specialTokens: special, splitting: .init(rawValue: splitting) ?? .gpt2,
                minimumFrequency: minimumFrequency)
            let result = trainer.train(on: texts)
            try DurableFiles.replace(output, with: JSONWriter(isIndented: true).string(result) + "\n")
            let count = result["model"]?["vocab"]?.object?.count ?? 0
            let merges = result["model"]?["merges"]?.array?.count ?? 0
            if json {
                try StandardOutput.json(
                    ["output": JSONNode(output), "tokens": JSONNode(count), "merges": JSONNode(merges)], isIndented: false)
            } else {
                StandardError.write("\(output): \(count) tokens, \(merges) merges\n")
            }
        }
    }

    static func load(_ model: String) throws -> Tokenizer {
        do throws(TokenizerError) {
            if model.hasSuffix(".json"), !FolderListing.isFolder(model) { return try Tokenizer(path: model) }
            return try Tokenizer(TokenizerTexts(ModelFolders.open(model)))
        } catch {
            throw CommandFailure(.invalid, "\(error)")
        }
    }
}
