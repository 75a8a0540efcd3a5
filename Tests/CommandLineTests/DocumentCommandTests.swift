import Foundation
import TestSupport
import Testing

/// What the documents tell to type works, as it stands, in its order: each document is one session
/// of a shell with a home of its own, and a hub that has the demonstration's model under every
/// name.
@Suite struct DocumentCommandTests {
    private static func text(_ document: String) throws -> String {
        try String(contentsOf: ManualTests.root.appendingPathComponent(document), encoding: .utf8)
    }

    /// README and the documents in `docs/`, those of tasks among them.
    private static let documents: [String] = {
        let folders = ["docs/", "docs/tasks/"]
        return ["README.md"]
            + folders.flatMap { folder in
                let path = ManualTests.root.appendingPathComponent(folder).path
                let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
                return names.filter { $0.hasSuffix(".md") }.sorted().map { folder + $0 }
            }
    }()

    private static let runnable: [String] = documents.filter { document in
        DocumentBlock.all(of: document, (try? text(document)) ?? "").contains { $0.reason == nil }
    }

    @Test func theDocumentsOfTheFirstHourAreRun() {
        let expected = ["README.md", "docs/first-job.md", "docs/tutorial.md", "docs/prepare-data.md", "docs/choose-model-and-memory.md"]
        #expect(Set(expected).isSubset(of: Self.runnable), "\(Self.runnable)")
    }

    @Test(arguments: runnable) func whatADocumentTellsToTypeWorks(document: String) throws {
        let commands = DocumentBlock.all(of: document, try Self.text(document)).filter { $0.reason == nil }.flatMap(\.commands)
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("tala-document-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        for folder in ["home", "desk", "out"] {
            try FileManager.default.createDirectory(atPath: scratch + "/" + folder, withIntermediateDirectories: true)
        }
        let demo = ManualTests.root.appendingPathComponent("demo").path
        try FileManager.default.copyItem(atPath: demo, toPath: scratch + "/desk/demo")
        let hub = try FolderHub(demo + "/model")
        let script = scratch + "/session"
        try Self.session(commands, scratch).write(toFile: script, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [script]
        process.currentDirectoryURL = URL(fileURLWithPath: scratch + "/desk")
        var environment = ProcessInfo.processInfo.environment
        for name in ["TALA_SPOOL", "HF_TOKEN", "HF_HOME", "XDG_CACHE_HOME"] { environment[name] = nil }
        environment["HOME"] = scratch + "/home"
        environment["PATH"] = BuiltProgram.folder + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        environment["HF_ENDPOINT"] = hub.address
        environment["TERM"] = "dumb"
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        for (index, command) in commands.enumerated() {
            let output = (try? String(contentsOfFile: "\(scratch)/out/\(index)", encoding: .utf8)) ?? "it was not run"
            let code = (try? String(contentsOfFile: "\(scratch)/out/\(index).code", encoding: .utf8)) ?? "none"
            #expect(code == "0\n", "\(document):\(command.line): \(command.text) ends with \(code): \(output)")
            let lines = output.components(separatedBy: "\n").map(DocumentBlock.comparable)
            for expected in command.output {
                let wanted = DocumentBlock.comparable(expected)
                #expect(
                    lines.contains { $0.contains(wanted) },
                    "\(document):\(command.line): \(command.text) does not print \"\(expected)\", but \(output)")
            }
        }
    }

    /// A script that runs the commands one after another and keeps what each prints and how it
    /// ends.
    private static func session(_ commands: [DocumentBlock.Command], _ scratch: String) -> String {
        var script = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"
        for (index, command) in commands.enumerated() {
            script += "exec >\(scratch)/out/\(index) 2>&1\n\(command.text)\necho $? >\(scratch)/out/\(index).code\n"
            // People need longer for the next command than a daemon to begin.
            if command.text.hasSuffix("&") { script += "for _ in $(seq 600); do [ -e ~/tala/daemon.json ] && break; sleep 0.1; done\n" }
        }
        return script
    }

    @Test func whatIsNotRunSaysWhyAndNamesCommandsThatAreThere() throws {
        for document in Self.documents {
            let text = try Self.text(document)
            for block in DocumentBlock.all(of: document, text) where block.reason != nil {
                #expect(block.reason?.isEmpty == false, "\(document)")
                for command in block.commands { try Self.check(command.text, "\(document):\(command.line)") }
            }
            // Commands in the running text.
            for span in text.components(separatedBy: "```").enumerated().filter({ $0.offset % 2 == 0 }).map(\.element) {
                let parts = span.replacingOccurrences(of: "\n", with: " ").components(separatedBy: "`")
                for (index, part) in parts.enumerated() where index % 2 == 1 { try Self.check(part, document) }
            }
        }
    }

    /// A command that stands in a block of another kind would be run by nobody, without a reason.
    @Test func noCommandOfTalasStandsOutsideOfABlockOfCommands() throws {
        for document in Self.documents {
            var (isInside, isPlain) = (false, false)
            for (index, line) in try Self.text(document).components(separatedBy: "\n").enumerated() {
                if line.hasPrefix("```") {
                    isInside.toggle()
                    isPlain = isInside && ["```", "```sh", "```bash", "```shell"].contains(line)
                    continue
                }
                let word = line.drop { $0 == "$" || $0 == " " }.prefix { $0 != " " }
                #expect(
                    !isPlain || !["tala", "talad", "tala-serve", "tala-rank"].contains(String(word)), "\(document):\(index + 1): \(line)")
            }
        }
    }

    private static let known = Result { try ProgramDescription.of("tala") }

    /// The options that a command of tala has, and all of its ancestors'.
    private static func check(_ text: String, _ place: String) throws {
        let words = text.split(separator: " ").map(String.init).drop { $0 == "sudo" }
        guard words.first == "tala", words.count > 1, words.dropFirst().first?.hasPrefix("-") == false else { return }
        var command = try known.get().command
        var rest = words.dropFirst()
        while let word = rest.first, let next = command.subcommands?.first(where: { $0.commandName == word }) {
            command = next
            rest = rest.dropFirst()
        }
        #expect(command.commandName != "tala", "\(place): there is no command \(text)")
        let options = Set((command.arguments ?? []).flatMap { $0.names?.map(\.name) ?? [] })
        for word in rest where word.hasPrefix("--") && word.count > 2 {
            let name = word.dropFirst(2).prefix { $0 != "=" && $0 != ";" && $0 != "," }
            #expect(options.contains(String(name)), "\(place): tala \(command.commandName) has no \(word), in: \(text)")
        }
    }
}
