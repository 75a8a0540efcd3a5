package import ArgumentParser
import Glibc
import JSON
import Manifest
import Spool
import Storage

/// `tala deploy`: what is served, under which name.
package struct Deploy: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Say which models are served, and under which names.",
        subcommands: [Create.self, List.self, Show.self, Pause.self, Resume.self, Delete.self])
    package init() {}

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve a job's result, a checkpoint or a model under a name.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The deployment's name: what requests call the model.") var name: String
        @Option(help: "A finished job, one of its checkpoints (JOB:step-000120), or a name in models/.") var model: String
        @Option(help: "The device.") var device: String?
        @Option(help: "How frozen weights lie on the device: stored, float32, bfloat16, q8 or nf4.") var baseWeights: String?
        @Option(help: "Tokens of a prompt and its answer at most.") var contextLength: Int?
        @Option(help: "Answers that are written at the same time.") var slots: Int?

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            try Deploy.requireName(name)
            guard !FolderListing.exists(files.file(name)) else {
                throw CommandFailure(.wrongState, "\(name) is deployed already: change \(files.file(name)), or delete it first")
            }
            var lines = ["model: \(Deploy.quoted(model))"]
            if let device { lines.append("device: \(Deploy.quoted(device))") }
            if let baseWeights { lines.append("base_weights: \(Deploy.quoted(baseWeights))") }
            if let contextLength { lines.append("context_length: \(contextLength)") }
            if let slots { lines.append("slots: \(slots)") }
            let text = lines.joined(separator: "\n") + "\n"
            // What the daemon would refuse is refused here.
            do {
                let deployment = try Deployment(ManifestText(Array(text.utf8), isYAML: true))
                _ = try files.place(of: deployment)
            } catch { throw CommandFailure(.invalid, "\(error)") }
            try Deploy.write(text, files.file(name))
            try Deploy.say("\(name) is deployed: \(model)", name, options)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what is served.")
        @OptionGroup var options: SpoolOptions

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            let all = files.names.map { DeploymentSummary($0, files) }
            if options.json { return try StandardOutput.json(["deployments": JSONNode(all.map(\.json))], isIndented: true) }
            for summary in all { try StandardOutput.line("\(summary.name)  \(summary.state)  \(Terminal.safe(summary.model))") }
            if all.isEmpty { try StandardOutput.line("nothing is deployed") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a deployment: what it serves, and how it is.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The deployment's name.") var name: String

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            try Deploy.require(name, files)
            let summary = DeploymentSummary(name, files)
            if options.json { return try StandardOutput.json(summary.json, isIndented: true) }
            try StandardOutput.line("name:   \(name)\nmodel:  \(Terminal.safe(summary.model))\nstate:  \(summary.state)")
            if let error = summary.error { try StandardOutput.line("error:  \(Terminal.safe(error))") }
        }
    }

    struct Pause: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer no requests for now; the deployment stays.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The deployment's name.") var name: String

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            try Deploy.require(name, files)
            try Deploy.write("", files.paused + "/" + name)
            try Deploy.say("\(name) is paused", name, options)
        }
    }

    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer requests again.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The deployment's name.") var name: String

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            try Deploy.require(name, files)
            let mark = files.paused + "/" + name
            guard FolderListing.exists(mark) else { throw CommandFailure(.wrongState, "\(name) is not paused") }
            try DurableFiles.remove(mark)
            try Deploy.say("\(name) is resumed", name, options)
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve something no longer; the model stays.")
        @OptionGroup var options: SpoolOptions
        @Argument(help: "The deployment's name.") var name: String

        func run() throws {
            let files = DeploymentFiles(try options.opened())
            try Deploy.require(name, files)
            try DurableFiles.remove(files.file(name))
            try Deploy.say("\(name) is not deployed any more", name, options)
        }
    }

    private static func requireName(_ name: String) throws(CommandFailure) {
        guard Deployment.isName(name) else {
            throw CommandFailure(
                .invalid,
                "\"\(Terminal.safe(name))\" is no name of a deployment: up to 64 letters, digits, '.', '_' and '-', not beginning with '.' or '-'"
            )
        }
    }

    private static func require(_ name: String, _ files: DeploymentFiles) throws(CommandFailure) {
        try requireName(name)
        guard FolderListing.exists(files.file(name)) else {
            throw CommandFailure(.notFound, "there is no deployment \(name) in \(files.folder)")
        }
    }

    private static func write(_ text: String, _ path: String) throws {
        do throws(StorageError) { try DurableFiles.replace(path, with: text) } catch {
            guard error.errorNumber == EACCES || error.errorNumber == EPERM else { throw error }
            throw CommandFailure(.failed, "you may not write \(path)")
        }
    }

    private static func say(_ sentence: String, _ name: String, _ options: SpoolOptions) throws {
        if options.json {
            try StandardOutput.json(["name": JSONNode(name)], isIndented: false)
        } else {
            try StandardOutput.line(sentence)
        }
        let presence = DaemonPresence(options.layout)
        if !options.json, !presence.isRunning { StandardError.write("tala: \(presence.warning)\n") }
    }

    /// A text as a double-quoted YAML word.
    private static func quoted(_ text: String) -> String { JSONWriter().string(JSONNode(text)) }
}

/// How a deployment is, from all of its files.
struct DeploymentSummary {
    let name: String
    let model: String
    let state: String
    let error: String?
    let json: JSONNode

    init(_ name: String, _ files: DeploymentFiles) {
        func read(_ path: String) -> JSONNode? {
            (try? DurableFiles.read(path, limit: 1 << 20)).flatMap { try? JSONParser().parse($0) }
        }
        let accepted = read(files.accepted + "/" + name + ".json")
        let served = read(files.state + "/" + name + ".json")
        self.name = name
        model = (try? files.deployment(name).model) ?? accepted?["settings"]?["model"]?.string ?? "?"
        error = (accepted?["error"] ?? served?["error"])?["message"]?.string
        if FolderListing.exists(files.paused + "/" + name) {
            state = "paused"
        } else if accepted?["state"]?.string == "failed" {
            state = "failed"
        } else {
            state = accepted == nil ? "new" : served?["state"]?.string ?? "accepted"
        }
        json = [
            "name": JSONNode(name), "model": JSONNode(model), "state": JSONNode(state), "error": error.map { JSONNode($0) } ?? .null,
            "settings": accepted?["settings"] ?? .null, "place": accepted?["place"] ?? .null, "served": served ?? .null,
        ]
    }
}
