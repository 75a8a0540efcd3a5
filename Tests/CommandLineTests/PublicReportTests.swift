import Foundation
import JSON
import Storage
import TestSupport
import Testing

/// Situations from public reports of other tools' users, typed as they were.
@Suite(.enabled(if: PublicReport.areThere, "the reports beside the project are missing")) struct PublicReportTests {
    /// What `tala validate --show 1` says of the data with the model.
    struct Verdict: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var status: Int32 = 0
        var words: [String]
    }
    static let verdicts = [
        Verdict(
            testDescription: "01-tool-calls-not-shown", status: 1,
            words: ["line 3: messages[1].tool_calls: is not shown by the chat template", "line 3: tools: is not shown"]),
        Verdict(testDescription: "02-named-templates", words: [#"⟦ <call>weather {"place": "Rome"}</s>⟧"#, #"<s> Tools: [{"type""#]),
        Verdict(testDescription: "03-developer-role", words: ["<s> Answer as a pirate would.", "does not know the role developer"]),
        Verdict(
            testDescription: "05-null-content-beside-a-call",
            words: [#"⟦<call>{"name": "weather", "arguments": {"place": "Rome"}}</s>⟧"#, "159 trained tokens"]),
        Verdict(testDescription: "06-arguments-that-must-stay-text", words: ["⟦<call>weather\n{\"place\": \"Rome\"}</s>⟧"]),
        Verdict(
            testDescription: "12-pointer-of-git-lfs", status: 1,
            words: ["is a pointer of git-lfs, not the file: run git lfs pull (its size would be 1044992 bytes)"]),
        Verdict(testDescription: "17-split-of-a-small-file", words: ["valid: 3 steps"]),
        Verdict(
            testDescription: "18-unknown-columns", status: 1,
            words: ["has the keys question, answer, which are those of no format", "did you mean prompt and completion?"]),
        Verdict(
            testDescription: "19-special-tokens-in-the-text",
            words: ["line 1: messages[0].content: holds </s>, which becomes a control token"]),
        Verdict(testDescription: "26-arguments-filled-with-null", words: ["null"]),
        Verdict(
            testDescription: "28-warm-up-longer-than-the-run",
            words: ["the warm-up (100 steps) is longer than the run (3 steps): the highest rate will be 4.0e-6"]),
    ]

    @Test(arguments: verdicts) func theDataIsJudged(_ verdict: Verdict) throws {
        let report = try PublicReport(verdict.testDescription)
        defer { report.remove() }
        let outcome = try report.validate()
        #expect(outcome.status == verdict.status, "\(outcome)")
        for word in verdict.words { #expect((outcome.output + outcome.errors).contains(word), "\(word)\n\(outcome)") }
    }

    /// The end token of the template that was trained ends the tuned model's answers.
    @Test func theTrainedEndTokenIsTheResults() throws {
        let report = try PublicReport("07-end-token-of-a-base-model", base: ReferenceSet.checkout + "/demo/model")
        defer { report.remove() }
        let ends = try #require(report.drained()["merged/generation_config.json"]?["eos_token_id"]?.array)
        #expect(ends.compactMap(\.integer) == [0, 3])
    }

    @Test func aHeadThatIsStoredTwiceIsOneInTheResult() throws {
        let report = try PublicReport("08-tied-head-stored-twice", data: "../../golden/stories260k/train.jsonl")
        defer { report.remove() }
        try #require(report.python("prepare.py", report.model).status == 0)
        _ = try report.drained()
        let compared = try report.python("compare.py", report.result + "/model")
        #expect(compared.status == 0 && compared.output.contains("same"), "\(compared)")
    }

    @Test func linksOfADownloadCacheAreFollowedWhereTheyMayLead() throws {
        let report = try PublicReport("11-links-of-the-hub-cache")
        defer { report.remove() }
        let (blobs, snapshot) = (report.spool + "/hub/models--a--b/blobs", report.spool + "/hub/models--a--b/snapshots/0123")
        for folder in [blobs, snapshot] { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
        for name in try FolderListing.names(in: report.model) {
            rename(report.model + "/" + name, blobs + "/" + name + ".blob")
            symlink("../../blobs/\(name).blob", snapshot + "/" + name)
        }
        try FileManager.default.removeItem(atPath: report.model)
        symlink(snapshot, report.model)
        #expect(try report.validate().status == 0)
        _ = try report.drained(["--allow-root", report.spool + "/hub"])
        #expect(report.states == ["succeeded"], "\(report.states)")
    }

    @Test func weightsUnderAnotherNameStopTheJob() throws {
        let report = try PublicReport("13-weights-under-another-name")
        defer { report.remove() }
        rename(report.model + "/model.safetensors", report.model + "/pytorch_model.bin")
        _ = try report.drained()
        #expect(report.states == ["failed"] && report.messages.contains("pytorch_model.bin"), "\(report.messages)")
    }

    @Test func tokensOfTheConfigurationGoBeforeThoseOfTheTokenizer() throws {
        let report = try PublicReport("15-added-tokens-of-tokenizer-config")
        defer { report.remove() }
        let outcome = try BuiltProgram(name: "tala").run(
            ["tokenizer", "encode", report.model], input: #"{"text": "Hello </s> world", "add_special_tokens": false}"# + "\n")
        #expect(outcome.output.contains("[346,306,414,410,2,263,304,341]"), "\(outcome)")
    }

    @Test func aTableIsNamedWithAWayOut() throws {
        let report = try PublicReport("18-unknown-columns", data: "data.csv")
        defer { report.remove() }
        let text = try String(contentsOfFile: report.folder + "/manifest.yaml", encoding: .utf8).replacing("jsonl", with: "csv")
        try DurableFiles.replace(report.spool + "/c.yaml", with: text)
        let outcome = try BuiltProgram(name: "tala").run(["validate", "--spool", report.spool, report.spool + "/c.yaml"])
        #expect(outcome.status == 1 && (outcome.output + outcome.errors).contains("data.csv, line 1: is CSV"), "\(outcome)")
    }

    @Test func targetsByPatternAreUsed() throws {
        let report = try PublicReport("20-targets-by-pattern")
        defer { report.remove() }
        let outcome = try BuiltProgram(name: "tala").run([
            "generate", "--model", report.model, "--adapter", report.folder + "/adapter", "--prompt", "Once upon a time", "--max-tokens",
            "5",
        ])
        #expect(outcome.status == 0 && !outcome.output.isEmpty && !outcome.errors.contains("manifest"), "\(outcome)")
    }

    @Test func yarnIsComputed() throws {
        let report = try PublicReport("21-yarn")
        defer { report.remove() }
        let path = report.model + "/config.json"
        let node = try JSONParser().parse(DurableFiles.read(path))
        let scaling: JSONNode = ["type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512]
        let members = (node.object ?? []).filter { $0.key != "rope_scaling" } + [JSONMember("rope_scaling", scaling)]
        try DurableFiles.replace(path, with: JSONWriter().string(JSONNode(members)))
        #expect(try report.validate().status == 0)
    }

    @Test func aNameWithASpaceIsAName() throws {
        let report = try PublicReport("22-manifest-with-a-space-in-its-name")
        defer { report.remove() }
        let path = report.spool + "/my mänifest.yaml"
        _ = try DurableFiles.copy(report.folder + "/manifest.yaml", toNew: path)
        // No daemon runs yet, so that nothing has judged it.
        let submitted = try BuiltProgram(name: "tala").run(["submit", "--spool", report.spool, path])
        #expect(submitted.status == 75, "\(submitted)")
        try report.drain()
        #expect(report.states == ["succeeded"], "\(report.states) \(report.messages)")
    }

    @Test func validationAndDaemonJudgeAlike() throws {
        let report = try PublicReport("24-validate-says-yes-submit-says-no")
        defer { report.remove() }
        let (data, disk) = (report.spool + "/files/data.jsonl", report.spool + "/disk")
        try DurableFiles.makeFolder(disk)
        rename(data, disk + "/d.jsonl")
        symlink(disk + "/d.jsonl", data)
        #expect(try report.validate().status == 0)
        _ = try report.drained(["--allow-root", disk])
        // By its absolute path inside of files/.
        _ = try DurableFiles.copy(disk + "/d.jsonl", toNew: report.spool + "/files/own.jsonl")
        let text = try String(contentsOfFile: report.folder + "/manifest.yaml", encoding: .utf8)
        _ = try report.drained(text: text.replacing("data.jsonl", with: report.spool + "/files/own.jsonl"))
        #expect(report.states == ["succeeded", "succeeded"], "\(report.states) \(report.messages)")
    }
}

/// One of the situations, in a spool of its own.
private final class PublicReport {
    static let root = ReferenceSet.shared.path("../reports")
    static var areThere: Bool { ReferenceSet.available.contains(.shared) && FolderListing.isFolder(root) }

    let folder: String
    let spool: String
    var model: String { spool + "/models/m" }

    /// - Parameters:
    ///   - base: the model that the situation's own files are laid over.
    ///   - data: a file beside the situation's manifest, which becomes `files/` of the same name,
    ///     or `files/data.jsonl` if it lies elsewhere.
    init(_ name: String, base: String = ReferenceSet.shared.path("stories260k"), data: String = "data.jsonl") throws {
        folder = Self.root + "/" + name
        spool = NSTemporaryDirectory() + "tala-report-\(UUID().uuidString)"
        for part in ["models", "files", "incoming"] {
            try FileManager.default.createDirectory(atPath: spool + "/" + part, withIntermediateDirectories: true)
        }
        let model = spool + "/models/m"
        try FileManager.default.copyItem(atPath: base, toPath: model)
        for path in FileManager.default.enumerator(atPath: folder + "/model")?.compactMap({ $0 as? String }) ?? [] {
            let source = folder + "/model/" + path
            if FolderListing.isFolder(source) {
                try FileManager.default.createDirectory(atPath: model + "/" + path, withIntermediateDirectories: true)
            } else {
                try DurableFiles.replace(model + "/" + path, with: String(contentsOfFile: source, encoding: .utf8))
            }
        }
        let source = folder + "/" + data
        if FolderListing.leads(source) {
            let target = data.contains("/") ? "data.jsonl" : data
            _ = try DurableFiles.copy(source, toNew: spool + "/files/" + target)
        }
    }

    func remove() { FolderListing.delete(spool) }

    func validate() throws -> BuiltProgram.Outcome {
        try BuiltProgram(name: "tala").run(["validate", "--spool", spool, "--show", "1", folder + "/manifest.yaml"])
    }

    func python(_ script: String, _ argument: String) throws -> BuiltProgram.Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", folder + "/" + script, argument]
        let pipe = Pipe()
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return BuiltProgram.Outcome(status: process.terminationStatus, output: output, errors: "")
    }

    /// Drops the manifest and lets a daemon do all that is there.
    /// - Returns: the last job's JSON files, by their paths below `result/`.
    func drained(_ options: [String] = [], text: String? = nil) throws -> [String: JSONNode] {
        try DurableFiles.replace(
            spool + "/incoming/j.yaml", with: text ?? String(contentsOfFile: folder + "/manifest.yaml", encoding: .utf8))
        try drain(options)
        var found: [String: JSONNode] = [:]
        for path in FileManager.default.enumerator(atPath: result)?.compactMap({ $0 as? String }) ?? [] where path.hasSuffix(".json") {
            found[path] = try? JSONParser().parse(DurableFiles.read(result + "/" + path))
        }
        return found
    }

    func drain(_ options: [String] = []) throws {
        let outcome = try BuiltProgram(name: "talad").run(["--spool", spool, "--device", "cpu", "--drain"] + options)
        #expect([0, 1].contains(outcome.status), "\(outcome)")
    }

    private var jobs: [String] {
        let names = (try? FolderListing.names(in: spool + "/jobs")) ?? []
        return names.filter { $0.hasPrefix("ftjob-") }.sorted().map { spool + "/jobs/" + $0 }
    }
    var result: String { (jobs.last ?? "") + "/result" }
    private var statuses: [JSONNode] { jobs.compactMap { try? JSONParser().parse(DurableFiles.read($0 + "/status.json")) } }
    /// Of the jobs in their order; `rejected` where a drop became none.
    var states: [String] {
        let rejected = ((try? FolderListing.names(in: spool + "/rejected")) ?? []).map { _ in "rejected" }
        return statuses.compactMap { $0["status"]?.string } + rejected
    }
    var messages: String { statuses.compactMap { $0["error"]?["message"]?.string }.joined(separator: "\n") }
}
