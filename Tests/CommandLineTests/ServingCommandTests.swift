import Foundation
import JSON
import Spool
import Storage
import TestSupport
import Testing

@testable import CommandLineTools

/// `tala top`, `tala filter check` and `tala plan --deployment`.
@Suite struct ServingCommandTests {
    private static func json(_ outcome: BuiltProgram.Outcome) throws -> JSONNode { try JSONParser().parse(outcome.output) }

    private static func spool() throws -> CommandSpool {
        let spool = try CommandSpool()
        try FileManager.default.copyItem(atPath: ReferenceSet.checkout + "/demo/model", toPath: spool.layout.models + "/demo")
        return spool
    }

    /// Speeds are the differences of two moments over the time between.
    @Test func topShowsWhatIsServedAndTrained() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        let files = DeploymentFiles(spool.layout)
        try spool.add(1, "running", step: 3, of: 9)
        try spool.add(2, "succeeded", step: 9, of: 9)
        try DurableFiles.replace(files.file("support"), with: "model: demo\n")
        try DurableFiles.replace(files.accepted + "/support.json", with: #"{"state": "accepted"}"#)
        func serve(_ tokens: Int) throws {
            try DurableFiles.replace(
                files.state + "/support.json",
                with:
                    "{\"state\": \"ready\", \"requests\": 3, \"tokens\": \(tokens), \"load\": {\"waiting\": 2, \"running\": 4, \"pages_used\": 3, \"pages\": 12}}"
            )
        }
        try serve(100)
        let before = TopFigures(spool.layout)
        try serve(350)
        usleep(20_000)
        let now = TopFigures(spool.layout)
        let picture = TopPicture(now, since: before)
        let one = try #require(picture.json["deployments"]?.array?.first)
        let speed = try #require(one["tokens_per_second"]?.double)
        #expect(abs(speed * (now.seconds - before.seconds) - 250) < 1e-6)
        #expect(one["cache_share"]?.double == 0.25 && one["waiting"]?.integer == 2 && picture.json["jobs"]?.array?.count == 1)
        let text = picture.lines(width: .max).joined(separator: "\n")
        #expect(text.contains("support") && text.contains("25 %") && text.contains("3/9") && text.contains("talad does not run"))
        for line in picture.lines(width: 40) { #expect(DisplayWidth.of(line) < 40) }
        let outcome = try spool.tala(["top", "--json"])
        #expect(outcome.status == 0)
        #expect(try Self.json(outcome)["deployments"]?.array?.count == 1)
    }

    @Test func dataIsCheckedLineByLineWithTheSideThatEachTextIsOn() throws {
        let spool = try CommandSpool()
        defer { spool.remove() }
        try DurableFiles.replace(spool.layout.filters + "/house.txt", with: "fox*\n")
        let data = spool.layout.root + "/data.jsonl"
        try DurableFiles.replace(
            data,
            with: """
                {"messages": [{"role": "user", "content": "a bird"}, {"role": "assistant", "content": "Foxes!"}]}
                {"messages": [{"role": "fox", "content": "a bird"}], "id": "fox"}
                {"prompt": "FOX", "completion": "a ｆｏｘ"}
                no record, and a fox

                """)
        let outcome = try spool.tala(["filter", "check", data, "--list", "house", "--json"])
        #expect(outcome.status == 1, "\(outcome)")
        let found = try Self.json(outcome)
        #expect(found["lines"]?.integer == 4 && found["filtered_lines"]?.integer == 3)
        let places = found["findings"]?.array?.map { "\($0["line"]?.integer ?? 0) \($0["side"]?.string ?? "")" }
        #expect(places == ["1 completion", "3 prompt", "3 completion", "4 prompt"])
        #expect(!outcome.output.lowercased().contains("foxes"), "the text is not repeated")
        try DurableFiles.replace(spool.layout.filters + "/house.txt", with: "xyzzy\n")
        #expect(try spool.tala(["filter", "check", data, "--list", "house"]).status == 0)
        try DurableFiles.replace(spool.layout.filters + "/house.txt", with: "a\n*\n")
        #expect(try spool.tala(["filter", "check", data, "--list", "house"]).errors.contains("house, line 2"))
        #expect(try spool.tala(["filter", "check", data]).status == 2)
        #expect(try spool.tala(["filter", "check", data, "--deployment", "nothing"]).errors.contains("there is no deployment"))
    }

    @Test func theMemoryOfADeploymentIsKnownBeforeAnythingIsLoaded() throws {
        let spool = try Self.spool()
        defer { spool.remove() }
        let file = spool.layout.root + "/small.yaml"
        func plan(_ text: String, _ more: [String] = []) throws -> BuiltProgram.Outcome {
            try DurableFiles.replace(file, with: text)
            return try spool.tala(["plan", "--deployment", file, "--json"] + more)
        }
        let small = try Self.json(plan("model: demo\ndevice: cpu\ncontext_length: 256\nslots: 2\n"))
        let large = try Self.json(plan("model: demo\ndevice: cpu\ncontext_length: 256\nslots: 4\n"))
        let bytes = try #require(small["bytes"]?.integer)
        #expect(small["fits"]?.bool == true && large["cache_bytes"]?.integer == small["cache_bytes"]?.integer.map { 2 * $0 })
        #expect(large["bytes"]?.integer ?? 0 > bytes)
        // What fits is found: a byte less than two slots need is enough for one.
        let less = try plan("model: demo\ndevice: cpu\ncontext_length: 256\nslots: 2\n", ["--memory-limit", "\(bytes - 1)"])
        #expect(less.status == 1)
        #expect(try Self.json(less)["fits"]?.bool == false && Self.json(less)["fitting_slots"]?.integer == 1)
        #expect(try plan("model: nothing\n").status == 1)
        #expect(try plan("model: demo\nslotz: 1\n").output.contains("slotz"))
    }
}
