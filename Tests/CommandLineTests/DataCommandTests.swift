import Foundation
import JSON
import Storage
import TestSupport
import Testing

@Suite struct DataCommandTests {
    private static func files(_ content: String) throws -> (input: String, output: String) {
        let folder = NSTemporaryDirectory() + "tala-data-\(UUID().uuidString)"
        try DurableFiles.makeFolder(folder, isNew: true)
        try DurableFiles.replace(folder + "/in.csv", with: content)
        return (folder + "/in.csv", folder + "/out.jsonl")
    }

    private static func tala(_ arguments: [String]) throws -> BuiltProgram.Outcome {
        try BuiltProgram(name: "tala").run(["data"] + arguments)
    }

    @Test func aTableBecomesChatLines() throws {
        let (input, output) = try Self.files("question,answer\nWho?,Me\n")
        let outcome = try Self.tala(["convert", input, output])
        #expect(outcome.status == 0 && outcome.output.contains("1 conversation,"), "\(outcome)")
        let line = #"{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Me"}]}"# + "\n"
        #expect(try String(contentsOfFile: output, encoding: .utf8) == line)
        #expect(try Self.tala(["convert", input, output]).status == 1, "a file was replaced without --force")
        #expect(try Self.tala(["convert", input, output, "--force"]).status == 0)
    }

    @Test func nothingIsWrittenWhileSomethingIsWrongUnlessItIsToBeSkipped() throws {
        let (input, output) = try Self.files("question,answer\nWho?,\nWhere?,Here\n")
        let refused = try Self.tala(["convert", input, output])
        #expect(refused.status == 1 && refused.errors.contains("\(input):2:6: the answer is empty"), "\(refused)")
        #expect(!FolderListing.exists(output))
        #expect(try Self.tala(["convert", input, output, "--skip"]).status == 0)
        #expect(try String(contentsOfFile: output, encoding: .utf8).contains("Here"))
    }

    @Test func checkSaysWhatConvertWouldMake() throws {
        let (input, _) = try Self.files("Q,A\nWho?,Me\nWhere?,\n")
        let outcome = try Self.tala(["check", input, "--json"])
        #expect(outcome.status == 1 && outcome.errors.isEmpty, "\(outcome)")
        let node = try JSONParser().parse(Array(outcome.output.utf8))
        #expect(node["examples"]?.integer == 1 && node["problem_count"]?.integer == 1)
        #expect(node["columns"]?["question"]?.string == "Q" && node["first"]?["messages"]?.array?.count == 2)
        let problem = node["problems"]?.array?.first
        #expect(problem?["line"]?.integer == 3 && problem?["column"]?.integer == 8)
    }

    @Test func aFileThatIsNotThereAndOneThatCannotBeReadAreErrors() throws {
        #expect(try Self.tala(["check", "/no/such/file"]).status == 2)
        let (input, output) = try Self.files("PAR1")
        let outcome = try Self.tala(["convert", input, output])
        #expect(outcome.status == 1 && outcome.errors.contains("Parquet"), "\(outcome)")
        #expect(try Self.tala(["check", input, "--separator", "ab"]).status == 2)
    }
}
