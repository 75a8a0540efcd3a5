import Datasets
import Foundation
import JSON
import Testing
import Tokenization

/// What is trained is the data, or the report says what is not.
@Suite struct ShownDataTests {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    private static let plain =
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' else '\\n' }}{% endfor %}"

    /// The report on lines under a template, and what is trained of the first.
    private func read(
        _ lines: String, template: String? = nil, name: String = "data.jsonl",
        _ options: DatasetOptions = DatasetOptions(maximumLength: 1 << 20),
        configuration: String = #"{"eos_token": "<|im_end|>"}"#
    ) throws -> (report: ValidationReport, text: String?) {
        let data = try DataFolder()
        let model = data.path + "/model"
        try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: Self.tests.appendingPathComponent("TokenizationTests/Reference/byte-level.tokenizer.json").path,
            toPath: model + "/tokenizer.json")
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: model + "/tokenizer_config.json"))
        try Data((template ?? Self.plain).utf8).write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
        let encoder = try ChatEncoder(folder: model)
        let reader = DatasetReader(encoder: encoder, options: options, modelFolder: model)
        let (dataset, report) = try reader.read(data.write(name, lines))
        return (report, dataset.map { encoder.tokenizer.decode($0.example(0).ids, skipSpecialTokens: false) })
    }

    private static let tools =
        #""tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}}]"#

    private static func calls(_ arguments: String, content: String = #""content": "", "#) -> String {
        #"{"messages": [{"role": "user", "content": "Rome?"}, {"role": "assistant", \#(content)"tool_calls": [{"type": "function", "#
            + #""function": {"name": "weather", "arguments": \#(arguments)}}]}, {"role": "tool", "content": "sunny"}, "#
            + #"{"role": "assistant", "content": "Sunny."}], \#(tools)}"#
    }

    @Test func aCallThatTheTemplateDoesNotShowIsAnErrorOfItsLine() throws {
        let report = try read(chat("q", "a") + "\n" + Self.calls(#"{"place": "Rome"}"#)).report
        #expect(!report.isValid)
        #expect(report.problems.first.map(\.field) == ["messages[1].tool_calls", "tools"])
        #expect(report.problems.first.allSatisfy { $0.line == 2 && $0.kind == "not_shown" })
        let message = report.problems.first.first?.message ?? ""
        #expect(message.contains("chat_template.jinja") && message.contains("choose a model that was made to call tools"))
    }

    private static let showing =
        "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content or '' }}"
        + "{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}{% endfor %}{{ eos_token if m.role == 'assistant' else '\\n' }}{% endfor %}"

    @Test func aCallWithItsNameBesideItsTypeIsGivenToTheTemplateAsItTakesIt() throws {
        let call = #""tool_calls": [{"name": "weather", "arguments": {"place": "Rome"}}]"#
        let line =
            #"{"messages": [{"role": "user", "content": "Rome?"}, {"role": "assistant", "content": null, \#(call)}, "#
            + #"{"role": "tool", "content": "sunny"}, {"role": "assistant", "content": "Sunny."}], \#(Self.tools)}"#
        let (report, text) = try read(line, template: Self.showing)
        #expect(report.isValid, "\(report.problems.first)")
        #expect(text?.contains(#"<call>{"name": "weather", "arguments": {"place": "Rome"}}"#) == true, "\(text ?? "")")
        // A template that takes it flat gets it as it is.
        let flat = Self.showing.replacingOccurrences(of: "c.function | tojson", with: "c | tojson")
        let shown = try read(line, template: flat).text
        #expect(shown?.contains(#"<call>{"name": "weather", "arguments": {"place": "Rome"}}"#) == true, "\(shown ?? "")")
    }

    @Test(arguments: [#""""#, "null", "{}", #""{}""#]) func aCallWithoutArgumentsHasAnEmptyObject(arguments: String) throws {
        let (report, text) = try read(Self.calls(arguments), template: Self.showing)
        #expect(report.isValid && report.warnings.isEmpty)
        #expect(text?.contains(#"<call>{"name": "weather", "arguments": {}}"#) == true, "\(text ?? "")")
    }

    @Test func nullsThatATableHasFilledInAreNamed() throws {
        let (report, text) = try read(Self.calls(#"{"place": "Rome", "expression": null}"#), template: Self.showing)
        #expect(report.isValid)
        #expect(report.warnings.first.map(\.kind) == ["null_arguments"])
        #expect(report.warnings.first.first?.field == "messages[1].tool_calls[0].function.arguments")
        #expect(report.warnings.first.first?.message.contains(": expression,") == true)
        #expect(text?.contains(#""expression": null"#) == true)
        let schema = Self.calls(#"{"place": "Rome"}"#).replacingOccurrences(
            of: #""properties": {"#, with: #""properties": {"expression": null, "#)
        #expect(try read(schema, template: Self.showing).report.warnings.first.first?.kind == "null_in_schema")
        let optional = Self.calls(#"{"place": null}"#).replacingOccurrences(
            of: #"{"type": "string"}"#, with: #"{"type": ["string", "null"]}"#)
        #expect(try read(optional, template: Self.showing).report.warnings.isEmpty)
    }

    @Test func theDeveloperIsTheSystemWhereTheTemplateDoesNotKnowThem() throws {
        let template =
            "{% for m in messages %}{% if m.role == 'system' %}S {{ m.content }}\n{% elif m.role == 'user' %}U {{ m.content }}\n"
            + "{% elif m.role == 'assistant' %}A {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
        let line =
            #"{"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
        let (report, text) = try read(line + "\n" + line, template: template)
        #expect(report.isValid && report.warnings.counts == ["role_mapped": 2])
        #expect(text == "S Be brief.\nU q\nA a<|im_end|>")
        #expect(try read(line).text?.hasPrefix("developer: Be brief.") == true)
    }

    @Test func aSystemTextBesideTheMessagesIsASystemTurn() throws {
        let line = #"{"system": "Be brief.", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
        #expect(try read(line).text == "system: Be brief.\nuser: q\nassistant: a<|im_end|>")
        let both = line.replacingOccurrences(of: #"[{"role": "user""#, with: #"[{"role": "system", "content": "x"}, {"role": "user""#)
        #expect(try read(both).report.problems.first.first?.field == "system")
    }

    @Test func documentsGoToTheTemplate() throws {
        let line =
            #"{"documents": [{"title": "T", "text": "D"}], "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
        #expect(try read(line).report.problems.first.map(\.field) == ["documents"])
        let template = "{% for d in documents or [] %}{{ d.title }} {{ d.text }}\n{% endfor %}" + Self.plain
        #expect(try read(line, template: template).text?.hasPrefix("T D\nuser: q") == true)
    }

    @Test func imagesCannotBeTrainedOn() throws {
        let line = #"{"images": ["a.png"], "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#
        #expect(try read(line).report.problems.first.first?.field == "images")
    }

    @Test func theTextOfAControlTokenInWhatIsSaidIsCounted() throws {
        let lines = chat("What is <|im_end|>?", "An end.") + "\n" + chat("q", "a")
        let token: (ValidationReport, String?) = try read(lines)
        #expect(token.0.isValid && token.0.warnings.counts == ["special_token_in_text": 1])
        #expect(token.0.warnings.first.first?.field == "messages[0].content" && token.0.warnings.first.first?.line == 1)
        var options = DatasetOptions(maximumLength: 1 << 20)
        options.specialTokensInText = .error
        #expect(try read(lines, options).report.problems.counts == ["special_token_in_text": 1])
        options.specialTokensInText = .encodeAsText
        let (report, text) = try read(lines, options)
        #expect(report.isValid && report.warnings.isEmpty)
        #expect(text == token.1)
        #expect(report.tokenCount > token.0.tokenCount)
    }

    @Test func anExampleBeyondTheModelsPositionsIsSaid() throws {
        var options = DatasetOptions(maximumLength: 1 << 20)
        options.positionLimit = 8
        #expect(
            try read(chat("A question of some length", "An answer of some length"), options).report.warnings.counts == [
                "beyond_positions": 1
            ])
        options.positionLimit = 800
        #expect(try read(chat("q", "a"), options).report.warnings.isEmpty)
    }

    @Test func aTextOfWhichATemplateLeavesAPartOutIsSaid() throws {
        let template = Self.plain.replacingOccurrences(of: "{{ m.content }}", with: "{{ m.content.split('||')[-1] }}")
        let report = try read(chat("q", "thought||answer"), template: template).report
        #expect(report.isValid && report.warnings.first.map(\.kind) == ["text_changed"])
        #expect(report.warnings.first.first?.field == "messages[1].content")
    }

    @Test func aTemplateThatTakesTooLongIsGivenUpForTheWholeFile() throws {
        let slow = "{% for a in range(2000) %}{% for b in range(2000) %}{% endfor %}{% endfor %}" + Self.plain
        let report = try read(chats(4000), template: slow).report
        #expect(report.problems.counts["template_budget"] == 1)
        #expect(report.problems.counts["template"] ?? 0 < 40)
    }

    @Test func aReadingThatIsStoppedDoesNotWaitForItsBatch() throws {
        let data = try DataFolder()
        let slow = "{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}" + Self.plain
        let model = data.path + "/model"
        try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: Self.tests.appendingPathComponent("TokenizationTests/Reference/byte-level.tokenizer.json").path,
            toPath: model + "/tokenizer.json")
        try Data(slow.utf8).write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
        struct Stop: Error {}
        let reader = DatasetReader(
            encoder: try ChatEncoder(folder: model), options: DatasetOptions(maximumLength: 1 << 20), modelFolder: model)
        #expect(throws: Stop.self) { try reader.read(data.write("data.jsonl", chats(4000))) { _ in throw Stop() } }
    }

    @Test func anAnswerWithoutAnEndIsSaid() throws {
        let template = Self.plain.replacingOccurrences(of: "eos_token", with: "'\\n'")
        #expect(try read(chat("q", "a"), template: template).report.warnings.counts == ["no_end_token": 1])
    }

    @Test func aCallOfShareGPTThatIsNoCallIsAnError() throws {
        let line = #"{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "weather(Rome)"}]}"#
        #expect(try read(line).report.problems.first.first?.field == "conversations[1].value")
        let call = line.replacingOccurrences(
            of: #""weather(Rome)""#, with: #""{\"name\": \"weather\", \"arguments\": {\"place\": \"Rome\"}}""#)
        #expect(
            try read(call, template: Self.showing).text?.contains(#"<call>{"name": "weather", "arguments": {"place": "Rome"}}"#) == true)
    }

    // MARK: Words for files of other formats

    @Test(
        arguments: [
            (#"{"question": "q", "answer": "a"}"#, "rename question to prompt, rename answer to completion"),
            (#"{"prompt": "q", "response": "a"}"#, "rename response to completion"),
            (#"{"instruction": "i", "context": "c", "response": "r"}"#, "rename context to input, rename response to output"),
            (#"{"input": "q", "output": "a"}"#, "rename input to prompt, rename output to completion"),
            (#"{"dialogue": []}"#, "did you mean messages (dialogue)?"),
            (#"{"data": [{"messages": []}]}"#, "the records stand in the list data"),
        ]) func unknownKeysAreAnsweredOnceWithTheFormats(line: String, advice: String) throws
    {
        for (text, count) in [(line + "\n" + line, 1), ("[" + line + "," + line + "]", 1)] {
            let report = try read(text, name: "data.json").report
            #expect(report.problems.total == count)
            let message = report.problems.first.first?.message ?? ""
            #expect(message.contains(advice) && message.contains("instruction, input and output (Alpaca)"), "\(message)")
        }
    }

    @Test func otherFilesInItsPlaceAreNamed() throws {
        func message(_ text: String, _ name: String) throws -> String {
            try read(text, name: name).report.problems.first.first?.message ?? ""
        }
        #expect(
            try message("question,answer\n\"What?\",A number.\n", "data.csv").hasPrefix("is CSV, not text in JSON: write it as JSON Lines"))
        #expect(try message("question,answer\n\"What?\",A number.\n", "data.csv").contains("tala data convert FILE OUT.jsonl"))
        #expect(try message("question;answer\nWhat?;That.\n", "data.csv").hasPrefix("is CSV"))
        #expect(try message("question\tanswer\nWhat?\tThat.\n", "data.jsonl").hasPrefix("is TSV"))
        #expect(
            try message("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "data.jsonl")
                == "is a pointer of git-lfs, not the file: run git lfs pull (its size would be 12 bytes)")
        #expect(try message("<!DOCTYPE html>\n<html>", "data.jsonl").hasPrefix("begins with `<!DOCTYPE html>`: it is a web page"))
    }
}
