import TestSupport
import Testing

@Suite struct SuggestionTests {
    @Test(arguments: [
        (["stauts"], "status"), (["sumbit", "m.yaml"], "submit"), (["wath"], "watch"), (["ls"], "list"), (["rm", "x"], "delete"),
        (["bench", "trian"], "train"), (["tokenizer", "encod"], "encode"), (["help", "cancle"], "cancel"), (["valid"], "validate"),
    ])
    func aCommandThatIsNoneNamesTheNearest(arguments: [String], meant: String) throws {
        let outcome = try BuiltProgram(name: "tala").run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("did you mean \"\(meant)\"?"), "\(outcome)")
    }

    @Test func aWordThatIsLikeNoCommandGetsTheList() throws {
        let outcome = try BuiltProgram(name: "tala").run(["xyzzyxyzzy"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("submit") && outcome.errors.contains("watch"), "\(outcome)")
    }
}
