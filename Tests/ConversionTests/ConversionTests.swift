import JSON
import Testing

@testable import Conversion

@Suite struct ConversionTests {
    /// Conversations as `role: text | role: text`, or the problem that stopped all.
    private static func converted(_ text: String, name: String = "data.csv", _ change: (inout ConversionOptions) -> Void = { _ in })
        -> (conversations: [String], problems: [String])
    {
        var options = ConversionOptions()
        change(&options)
        do throws(ConversionProblem) {
            let conversion = try Conversion(Array(text.utf8), name: name, options)
            let lines = conversion.result.lines.split(separator: UInt8(ascii: "\n"))
            let texts = lines.map { line in
                let messages = (try? JSONParser().parse(Array(line)))?["messages"]?.array ?? []
                return messages.map { "\($0["role"]?.string ?? ""): \($0["content"]?.string ?? "")" }.joined(separator: " | ")
            }
            return (texts, conversion.result.problems.map { "\($0)" })
        } catch { return ([], ["\(error)"]) }
    }

    // MARK: Tables

    @Test(arguments: [
        "question,answer\nWho?,Me\nWhere?,Here\n", "Question;Answer\r\nWho?;Me\r\nWhere?;Here\r\n",
        "\u{FEFF}prompt\tresponse\nWho?\tMe\nWhere?\tHere",
        "Frage|Antwort\nWho?|Me\n\n,\nWhere?|Here\n".replacing(",\n", with: ""), "id,answer,user\n1,Me,Who?\n2,Here,Where?\n",
    ])
    func questionsAndAnswersAreFoundByTheirColumns(text: String) {
        let (conversations, problems) = Self.converted(text)
        #expect(conversations == ["user: Who? | assistant: Me", "user: Where? | assistant: Here"])
        #expect(problems.isEmpty, "\(problems)")
    }

    @Test func quotedFieldsHoldSeparatorsLineEndsAndQuotationMarks() {
        let (conversations, problems) = Self.converted("question,answer\n\"Who, \"\"he\"\"?\nYes\",\"a\r\nb\"\n")
        #expect(conversations == ["user: Who, \"he\"?\nYes | assistant: a\r\nb"] && problems.isEmpty, "\(problems)")
    }

    @Test func columnsCanBeNamedOrNumbered() {
        let text = "ID,Betreff,Text,Reply to it\n7,x,Who?,Me\n"
        let named = Self.converted(text) { ($0.question, $0.answer, $0.system) = ("text", "Reply to it", "Betreff") }
        #expect(named.conversations == ["system: x | user: Who? | assistant: Me"])
        let numbered = Self.converted("Who?,Me\nWhere?,Here\n") { $0.hasHeader = false }
        #expect(numbered.conversations.count == 2 && numbered.problems.isEmpty)
        let chosen = Self.converted("1,Me,Who?\n") { ($0.hasHeader, $0.question, $0.answer) = (false, "3", "2") }
        #expect(chosen.conversations == ["user: Who? | assistant: Me"])
    }

    @Test func anAlpacaTablesInputStandsBehindItsInstruction() {
        let (conversations, _) = Self.converted("instruction,input,output\nSum up,A text,Short\nSay hi,,Hi\n")
        #expect(conversations == ["user: Sum up\n\nA text | assistant: Short", "user: Say hi | assistant: Hi"])
    }

    @Test func rowsOfTurnsAreGroupedByTheirConversation() {
        let text = """
            ticket_id,sender,message
            1,customer,Hello
            2,customer,My bill
            1,customer,Are you there?
            1,agent,Yes
            2,agent,It is paid

            """
        let (conversations, problems) = Self.converted(text)
        #expect(
            conversations == ["user: Hello\nAre you there? | assistant: Yes", "user: My bill | assistant: It is paid"] && problems.isEmpty)
        let named = Self.converted("chat,who,text\n1,Ann,Hi\n1,Bob,Yes\n") { $0.assistants = ["bob"] }
        #expect(named.conversations == ["user: Hi | assistant: Yes"])
    }

    @Test(arguments: [
        ("question,answer\nWho?,\n", "data.csv:2:6: the answer is empty"),
        ("question,answer\nWho?\n", "data.csv:2:1: the row ends here, before the answer in column 2"),
        ("question,answer\nWho?,\"Me\n", "data.csv:2:6: the quotation mark that begins here is never closed"),
        ("question,answer\nWho?,\"Me\"x\n", "data.csv:2:10: text stands behind a closing quotation mark"),
        ("chat,who,text\n1,Ann,Hi\n", "data.csv:2:3: \"Ann\" is not known as a user or an assistant"),
        ("who,text\nuser,Hi\n", "data.csv:1: a row is a turn of a conversation here"),
        ("one\ntwo\n", "data.csv:1: has one column"), ("a,b\n1,2\n", "data.csv:1: the first row names no question and no answer"),
        ("How are you?,Fine.\nWho?,Me\n", "give --no-header"), ("", "data.csv: is empty"), ("\n\n", "holds nothing but blank lines"),
        ("question,answer\n", "holds no question with an answer"),
        ("chat,who,text\n1,user,Hi\n", "data.csv:2: messages: holds no"),
    ])
    func whatIsWrongIsToldWithItsPlace(text: String, words: String) {
        let (conversations, problems) = Self.converted(text)
        #expect(conversations.isEmpty)
        #expect(problems.count == 1 && problems[0].contains(words), "\(problems)")
    }

    @Test func aFaultyRowDoesNotHideTheOthers() {
        let (conversations, problems) = Self.converted("question,answer\nA?,\nB?,\"b\"x\nC?,c\nD?,\n")
        #expect(conversations == ["user: C? | assistant: c"])
        #expect(problems.count == 3 && problems[1].hasPrefix("data.csv:3:7:") && problems[2].hasPrefix("data.csv:5:4:"), "\(problems)")
    }

    @Test func aByteThatIsNoUTF8HasItsPlace() {
        var bytes = Array("question,answer\nWho?,".utf8)
        bytes += [0x4D, 0xFC, 0x0A]
        do throws(ConversionProblem) {
            _ = try Conversion(bytes, name: "data.csv", ConversionOptions())
            Issue.record("it was taken")
        } catch {
            #expect(error.line == 2 && error.column == 7 && error.message.contains("iconv -f WINDOWS-1252"), "\(error)")
        }
    }

    @Test(
        arguments: [
            (Array("PAR1xxxx".utf8), "Parquet"), ([0x50, 0x4B, 0x03, 0x04], "spreadsheet"), ([0xD0, 0xCF, 0x11, 0xE0], "spreadsheet"),
            ([0x1F, 0x8B, 8], "gzip"), ([0xFF, 0xFE, 0x41, 0], "UTF-16"), (Array("SQLite format 3\0".utf8), "sqlite3"),
            (Array("<html><body>".utf8), "web page"), (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "git-lfs"),
        ] as [([UInt8], String)])
    func formsThatAreNotReadAreNamedWithAWayOut(bytes: [UInt8], word: String) {
        #expect(throws: ConversionProblem.self) { try Conversion(bytes, name: "x", ConversionOptions()) }
        do throws(ConversionProblem) { _ = try Conversion(bytes, name: "x", ConversionOptions()) } catch {
            #expect(error.message.contains(word), "\(error)")
        }
    }

    // MARK: JSON

    @Test(arguments: [
        #"[{"question": "Who?", "answer": "Me"}]"#, #"{"prompt": "Who?", "completion": "Me"}"#, #"[["Who?", "Me"]]"#,
        #"{"data": [{"instruction": "Who?", "input": "", "output": "Me"}]}"#,
        #"[{"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Me"}]}]"#,
        #"[{"items": [{"from": "human", "value": "Who?"}, {"from": "bard", "value": "Me"}]}]"#,
        #"[{"chat_messages": [{"sender": "human", "text": "Who?"}, {"sender": "assistant", "text": "Me"}]}]"#,
        #"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me"}]}"#,
        #"""
        [{"title": "x", "current_node": "c", "mapping": {
          "a": {"message": {"author": {"role": "system"}, "content": {"parts": [""]}}, "parent": null},
          "b": {"message": {"author": {"role": "user"}, "content": {"parts": ["Who?"]}}, "parent": "a"},
          "c": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Me"]}}, "parent": "b"},
          "d": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["You"]}}, "parent": "b"}}}]
        """#,
    ])
    func recordsOfEveryKnownFormBecomeConversations(text: String) {
        let (conversations, problems) = Self.converted(text, name: "data.json")
        #expect(conversations == ["user: Who? | assistant: Me"], "\(problems)")
        #expect(problems.isEmpty, "\(problems)")
    }

    @Test func linesOfJSONAreReadOneByOneAndTheirFaultsHaveLineAndColumn() {
        let text = """
            {"q": "A?", "a": "x"}
            {"q": "B?", "a": }

            {"q": "C?", "a": ""}
            {"title": "D"}
            {"q": "E?", "a": "y"}
            """
        let (conversations, problems) = Self.converted(text, name: "d.jsonl")
        #expect(conversations == ["user: A? | assistant: x", "user: E? | assistant: y"])
        #expect(problems.count == 3)
        #expect(problems[safe: 0]?.hasPrefix("d.jsonl:2:18: ") == true, "\(problems)")
        #expect(problems[safe: 1]?.hasPrefix("d.jsonl:4:18: a: is empty") == true, "\(problems)")
        #expect(problems[safe: 2]?.hasPrefix("d.jsonl:5:1: has no question") == true, "\(problems)")
    }

    @Test func aDocumentsFaultsHaveLineAndColumn() {
        let (_, broken) = Self.converted("[\n  {\"question\": \"A?\",\n   \"answer\" \"x\"}\n]", name: "d.json")
        #expect(broken.count == 1 && broken[0].hasPrefix("d.json:3:13: "), "\(broken)")
        let (_, typed) = Self.converted("[\n  {\"question\": \"A?\",\n   \"answer\": 5}\n]", name: "d.json")
        #expect(typed == ["d.json:3:14: answer: is a number, not a text"], "\(typed)")
    }

    @Test func keysCanBeNamed() {
        let text = #"[{"frage_text": "Who?", "reply_text": "Me", "messages": []}]"#
        let (conversations, _) = Self.converted(text, name: "d.json") { ($0.question, $0.answer) = ("frage_text", "reply_text") }
        #expect(conversations == ["user: Who? | assistant: Me"])
    }

    @Test func aTreeThatLeadsBackToItselfIsAnError() {
        let text = #"[{"current_node": "a", "mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}]"#
        let (_, problems) = Self.converted(text, name: "d.json")
        #expect(problems.count == 1 && problems[0].contains("leads back to itself"), "\(problems)")
    }

    @Test func nothingOfRandomBytesEndsInATrap() {
        var state: UInt64 = 17
        let parts = [
            "\"", ",", "\n", "\r\n", ";", "question", "answer", "{", "}", "[", "]", ":", "\"q\"", "\"a\"", "\u{FEFF}", "ü", "null", "1",
        ]
        for _ in 0..<3000 {
            var text = ""
            for _ in 0..<Int(state >> 60) * 2 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += parts[Int(state >> 33) % parts.count]
            }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            _ = Self.converted(text, name: state >> 63 == 0 ? "a.csv" : "a.json") { $0.hasHeader = state >> 62 & 1 == 0 }
        }
    }
}
