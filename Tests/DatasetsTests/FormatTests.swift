import Datasets
import Foundation
import JSON
import TestSupport
import Testing
import Tokenization

@Suite struct FormatTests {
    static let any = DatasetOptions(maximumLength: 1 << 20)
    static let completion = DatasetOptions(trainOn: .completion, maximumLength: 1 << 20)

    func examples(_ text: String, name: String = "data.jsonl", _ options: DatasetOptions = FormatTests.any) throws -> [TokenizedExample] {
        let folder = try DataFolder()
        let (data, report) = try folder.reader(options).read(folder.write(name, text))
        let all = try #require(data, "\(report.problems.first)")
        return (0..<all.count).map { all.example($0) }
    }

    @Test func shareGPTAndAlpacaBecomeTheConversationsThatTheySay() throws {
        let wanted = try examples(chat("Hello there", "Hi."))
        #expect(try examples(#"{"conversations": [{"from": "human", "value": "Hello there"}, {"from": "gpt", "value": "Hi."}]}"#) == wanted)
        #expect(
            try examples(#"{"conversations": [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Hi."}]}"#)
                == wanted)
        #expect(try examples(#"{"instruction": "Hello there", "input": "", "output": "Hi."}"#) == wanted)
        #expect(try examples(#"{"instruction": "Hello there", "output": "Hi."}"#) == wanted)
        #expect(try examples(#"{"instruction": "Hello", "input": "there", "output": "Hi."}"#) == examples(chat("Hello\n\nthere", "Hi.")))
        let turns = #"{"instruction": "c", "input": "", "output": "d", "history": [["a", "b"]], "system": "s"}"#
        let roles = [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
        let messages = roles.map { role, text -> JSONNode in ["role": JSONNode(role), "content": JSONNode(text)] }
        #expect(try examples(turns) == examples(JSONWriter().string(["messages": JSONNode(messages)])))
    }

    @Test func aWeightOfZeroKeepsATurnOutOfTheLoss() throws {
        let line = { (weight: Int) in
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one", "weight": \#(weight)}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "two"}]}"#
        }
        let (muted, whole) = (try examples(line(0))[0], try examples(line(1))[0])
        #expect(muted.ids == whole.ids && muted.trainedTokenCount < whole.trainedTokenCount && muted.trainedTokenCount > 0)
    }

    @Test func aWeightBetweenIsThatOfTheTurnsTokens() throws {
        let conversation = { (first: String, second: String) in
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one"\#(first)}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "two"\#(second)}]}"#
        }
        let plain = try examples(conversation("", ""))[0]
        let example = try examples(conversation(#", "weight": 0.5"#, #", "weight": 2"#))[0]
        #expect(example.ids == plain.ids && example.isTrained == plain.isTrained && plain.weights == nil)
        let muted = try examples(conversation(#", "weight": 0"#, ""))[0]
        let wanted = plain.isTrained.indices.map { plain.isTrained[$0] ? (muted.isTrained[$0] ? 2 : 0.5) : 0 as Float }
        #expect(example.weights == wanted)
        // Where all is trained, so are other words, as much as ever; a turn of weight 0 is not.
        var options = Self.any
        options.trainOn = .all
        let all = try examples(conversation(#", "weight": 0.5"#, #", "weight": 0"#), options)[0]
        #expect(all.weights == plain.isTrained.indices.map { plain.isTrained[$0] ? (muted.isTrained[$0] ? 0 : 0.5) : 1 })
    }

    @Test func lossesOfWholeAnswersTakeNoWeights() throws {
        let message = #"{"role": "assistant", "content": "b", "weight": 0.5}"#
        var options = Self.any
        options.purpose = .judgedAnswers
        let line = #"{"messages": [{"role": "user", "content": "a"}, \#(message)], "label": true}"#
        let report = try DataFolder().report(line, options)
        let problem = try #require(report.problems.first.first)
        #expect(problem.field == "messages[1].weight" && problem.kind == "invalid_value")
    }

    @Test func promptAndCompletionTrainTheCompletion() throws {
        let example = try #require(try examples(#"{"prompt": "Once upon", "completion": " a time"}"#, Self.completion).first)
        #expect(example.trainedTokenCount > 0 && example.trainedTokenCount < example.ids.count - 1)
        // As messages: what the assistant says in the prompt is given.
        let lists =
            #"{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}"#
        let weighted =
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}"#
        #expect(try examples(lists, Self.completion) == examples(weighted))
        let report = try DataFolder().report(#"{"prompt": "a", "completion": ""}"#, Self.completion)
        #expect(report.problems.first.map(\.field) == ["completion"])
    }

    @Test func aDeprecatedFunctionCallIsReadAsAToolCallWithAWarning() throws {
        let call = #"{"name": "f", "arguments": "{\"x\": 1}"}"#
        let line =
            #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "well", "function_call": \#(call)}, {"role": "user", "content": "and?"}, {"role": "assistant", "content": "a"}], "functions": [{"name": "f"}]}"#
        let report = try DataFolder().report(line)
        // Read they are; but this model's template shows no calls.
        #expect(report.problems.first.map(\.field) == ["messages[1].tool_calls", "tools"])
        #expect(report.warnings.counts == ["deprecated": 2])
    }

    @Test func textPartsAreOneText() throws {
        let parts =
            #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]}, {"role": "assistant", "content": "Hi."}]}"#
        #expect(try examples(parts) == examples(chat("Hello there", "Hi.")))
    }

    @Test(arguments: [
        #"{"prompt": "q", "chosen": "good", "rejected": "bad"}"#,
        #"{"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "good"}], "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "bad"}]}"#,
        #"{"input": {"messages": [{"role": "user", "content": "q"}]}, "preferred_output": [{"role": "assistant", "content": "good"}], "non_preferred_output": [{"role": "assistant", "content": "bad"}]}"#,
    ]) func preferencePairsAreCheckedAndSaidToBeForAnotherMethod(line: String) throws {
        let good = try DataFolder().report(line + "\n" + line)
        #expect(good.problems.counts == ["preference_training": 1])
        let message = good.problems.first.first?.message ?? ""
        #expect(message.contains("2 of them well-formed") && message.contains("method.type dpo"))
        let same = try DataFolder().report(line.replacingOccurrences(of: "bad", with: "good"))
        #expect(same.problems.first.first?.field == (line.contains("non_preferred") ? "non_preferred_output" : "rejected"))
        let broken = try DataFolder().report(
            line.replacingOccurrences(of: "\"rejected\"", with: "\"x\"").replacingOccurrences(of: "\"non_preferred_output\"", with: "\"x\"")
        )
        #expect(broken.problems.first.first?.kind == "missing_field")
    }

    @Test func aJSONArrayIsReadAsItsLines() throws {
        let lines = (0..<40).map { chat("Question \($0)", "Answer, with [brackets] \"quotes\" and \\ \($0)") }
        let wanted = try examples(lines.joined(separator: "\n"))
        #expect(try examples("[" + lines.joined(separator: ",") + "]", name: "data.json") == wanted)
        #expect(try examples("\u{FEFF}\r\n [\n  " + lines.joined(separator: "\n  ,\r\n  ") + "\n]\n\n") == wanted)
    }

    @Test func faultsOfAJSONArrayNameTheElementAndTheLine() throws {
        let good = chat("a", "b")
        func first(_ text: String) throws -> DatasetProblem? { try DataFolder().report(text, name: "data.json").problems.first.first }
        let role = try first("[\n\(good),\n{\"messages\": [\n{\"role\": 5, \"content\": \"x\"}]}\n]")
        #expect(role?.line == 4 && role?.field == "[1].messages[0].role")
        #expect(try first("[\(good),\n5]")?.field == "[1]")
        #expect(try first("[\(good),\n]")?.line == 2)
        #expect(try first("[\(good)\n\(good)]")?.kind == "invalid_json")
        #expect(try first("[\(good),\n\(good)")?.message.contains("not closed") == true)
        #expect(try first("[\(good)]\nmore")?.line == 2)
        #expect(try first("[{\"messages\": [")?.kind == "invalid_json")
        #expect(try first("[]")?.kind == "empty_dataset")
        #expect(try first("[")?.kind == "invalid_json")
    }

    @Test func gzipIsReadUnderItsOwnNameAndItsFaultsAreFound() throws {
        let folder = try DataFolder()
        let plain = try folder.reader().read(folder.write("data.jsonl", chats(300)))
        let packed = try folder.gzip("data.jsonl.gz", chats(300))
        let (data, report) = try folder.reader().read(packed)
        #expect(report.isValid && report.exampleCount == 300 && data?.tokenCount == plain.dataset?.tokenCount)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: packed)))
        // Two members are one text; zeros behind them are padding.
        #expect(try folder.reader().read(folder.write("two.jsonl.gz", bytes + bytes + [0, 0, 0])).report.exampleCount == 600)
        for (name, faulty) in [
            ("cut", Array(bytes.dropLast(12))), ("flipped", bytes.enumerated().map { $0 == 400 ? $1 ^ 0x55 : $1 }),
            ("longer", bytes + [1, 2]),
        ] {
            let report = try folder.reader().read(folder.write("\(name).jsonl.gz", faulty)).report
            #expect(report.problems.counts["unreadable"] == 1, "\(name): \(report.problems.first)")
        }
        let array = try folder.gzip("data.json.gz", "[" + (0..<9).map { chat("q\($0)", "a") }.joined(separator: ",") + "]")
        #expect(try folder.reader().read(array).report.exampleCount == 9)
        #expect(try folder.reader().read(folder.write("named.jsonl", bytes)).report.problems.first.first?.line == 1)
    }

    @Test(.enabled(if: BuiltProgram(name: "tala").isBuilt, "the programs are not built")) func aGzipBombCostsNoMemory() throws {
        let folder = try DataFolder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "head -c 300000000 /dev/zero | tr '\\0' ' ' | gzip -1 > \"$0\"", folder.path + "/bomb.jsonl.gz"]
        try process.run()
        process.waitUntilExit()
        try folder.write("small.jsonl", "{}\n")
        func validate(_ data: String) throws -> MeasuredRun {
            let manifest =
                ["model": JSONNode(ReferenceSet.own.chatModel), "training_file": JSONNode(folder.path + "/" + data), "device": "cpu"]
                as JSONNode
            return try BuiltProgram(name: "tala").measure(
                ["validate", folder.write("manifest.json", JSONWriter().string(manifest))], limit: 300)
        }
        let (small, bomb) = (try validate("small.jsonl"), try validate("bomb.jsonl.gz"))
        #expect(small.exitCode == 1 && bomb.exitCode == 1 && bomb.output.contains("more than"), "\(bomb.output)")
        #expect(bomb.peakBytes - small.peakBytes < 100 << 20)
    }

    @Test func plainTextIsPackedIntoRows() throws {
        let options = DatasetOptions(purpose: .pretraining, trainOn: .all, maximumLength: 16)
        let text = "Once upon a time\nthere was a girl.\n\nShe had a dog.\r\n\r\nThe very end.\n"
        let rows = try examples(text, name: "data.txt", options)
        let encoder = try DataFolder.encoder.get()
        let tokens = ["Once upon a time\nthere was a girl.", "She had a dog.", "The very end."].flatMap { encoder.encode(document: $0) }
        #expect(rows.flatMap(\.ids) == tokens)
        #expect(rows.dropLast().allSatisfy { $0.ids.count == 16 })
        let lines = ["Once upon a time\nthere was a girl.", "She had a dog.", "The very end."].map {
            JSONWriter().string(["text": JSONNode($0)])
        }
        #expect(try examples(lines.joined(separator: "\n"), options) == rows)
        let report = try DataFolder().report(text, name: "data.txt")
        #expect(report.problems.first.first?.message.contains("pretrain") == true)
    }
}
