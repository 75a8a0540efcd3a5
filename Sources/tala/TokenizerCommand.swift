import ArgumentParser
import Glibc
import JSON
import Storage
import Templates
import Tokenization

/// `tala tokenizer encode|decode|train`.
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Look inside a tokenizer, or train one.", subcommands: [Encode.self, Decode.self, Train.self])

    struct Encode: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read {\"text\", \"add_special_tokens\"} lines, write {\"ids\"} lines.")
        @Argument(help: "A model folder.") var model: String

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
        @Argument(help: "A model folder.") var model: String

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

    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Train a byte-level byte-pair encoding on text files.")
        @Option(help: "Tokens in all, special ones included.") var vocabularySize = 1024
        @Option(name: .customLong("special"), help: "A special token; may be repeated. The first gets id 0.") var special: [String] = []
        @Option(help: "Where tokenizer.json is written.") var output: String
        @Argument(help: "Text files.") var files: [String]

        func run() throws {
            var text = ""
            for file in files { text += String(decoding: try DurableFiles.read(file), as: UTF8.self) + "\n" }
            let trainer = BytePairTrainer(vocabularySize: vocabularySize, specialTokens: special)
            try DurableFiles.replace(output, with: JSONWriter(isIndented: true).string(trainer.train(on: text)) + "\n")
        }
    }

    static func load(_ model: String) throws -> Tokenizer {
        do throws(TokenizerError) { return try Tokenizer(folder: model) } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
    }
}

/// `tala template render`.
struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template", abstract: "Look inside a chat template.", subcommands: [Render.self])

    struct Render: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read {\"variables\": {...}} lines, write {\"text\"} or {\"error\"} lines.",
            discussion:
                "TEMPLATE is a .jinja file, a tokenizer_config.json, a model folder, or - where each line brings its own \"template\".")
        @Option(help: "What strftime_now tells, for example 2025-03-09T08:05:07.") var now: String?
        @Argument(help: "The template.") var template: String

        func run() throws {
            let clock = try Self.clock(now)
            let fixed = template == "-" ? nil : try Self.source(template)
            try JSONLines.map { node in
                let source = node["template"]?.string ?? fixed ?? ""
                do throws(TemplateError) {
                    let text = try Template(source).render(node["variables"] ?? JSONNode([JSONMember]()), clock: clock).text
                    return ["text": JSONNode(text)]
                } catch {
                    return [
                        "error": [
                            "type": JSONNode(error.type), "message": JSONNode(error.message),
                            "line": error.line.map { JSONNode($0) } ?? nil,
                        ]
                    ]
                }
            }
        }

        /// The time that was given, or the machine's.
        private static func clock(_ text: String?) throws -> TemplateClock {
            guard let text else {
                var now = time(nil)
                var local = tm()
                localtime_r(&now, &local)
                return TemplateClock(
                    year: Int(local.tm_year) + 1900, month: Int(local.tm_mon) + 1, day: Int(local.tm_mday), hour: Int(local.tm_hour),
                    minute: Int(local.tm_min),
                    second: Int(local.tm_sec))
            }
            let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
            guard numbers.count == 6, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else {
                throw ValidationError("--now is not a time like 2025-03-09T08:05:07")
            }
            return TemplateClock(
                year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4], second: numbers[5])
        }

        private static func source(_ path: String) throws -> String {
            var path = path
            if FolderListing.isFolder(path) {
                path += access(path + "/chat_template.jinja", F_OK) == 0 ? "/chat_template.jinja" : "/tokenizer_config.json"
            }
            let text = String(decoding: try DurableFiles.read(path, limit: 64 << 20), as: UTF8.self)
            guard path.hasSuffix(".json") else { return text }
            guard let template = try? JSONParser().parse(text)["chat_template"]?.string else {
                throw ValidationError("\(path) has no chat_template")
            }
            return template
        }
    }
}

/// Standard input as JSON Lines, answered line by line.
enum JSONLines {
    static func map(_ transform: (JSONNode) throws -> JSONNode) throws {
        while let line = readLine(strippingNewline: true) {
            if line.isEmpty { continue }
            let node: JSONNode
            do throws(JSONError) { node = try JSONParser().parse(line) } catch {
                throw ValidationError("a line of the input is not JSON: \(error)")
            }
            print(JSONWriter().string(try transform(node)))
        }
    }
}
