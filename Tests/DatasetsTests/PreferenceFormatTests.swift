import Datasets
import Testing
import Tokenization

/// Pairs of answers and judged answers as files hold them.
@Suite struct PreferenceFormatTests {
    private static func pairs(_ text: String) throws -> (Dataset?, ValidationReport) {
        try read(text, DatasetOptions(purpose: .pairs, trainOn: .completion, maximumLength: 512))
    }

    private static func judged(_ text: String) throws -> (Dataset?, ValidationReport) {
        try read(text, DatasetOptions(purpose: .judgedAnswers, trainOn: .completion, maximumLength: 512))
    }

    private static func read(_ text: String, _ options: DatasetOptions) throws -> (Dataset?, ValidationReport) {
        let folder = try DataFolder()
        let result = try folder.reader(options).read(folder.write("data.jsonl", text))
        return (result.dataset, result.report)
    }

    private static let user = #"{"role": "user", "content": "Tell me."}"#
    private static func said(_ text: String) -> String { #"{"role": "assistant", "content": "\#(text)"}"# }

    @Test func aPairIsThePromptWithEachOfItsAnswers() throws {
        let line =
            #"{"input": {"messages": [\#(Self.user)]}, "preferred_output": [\#(Self.said("A good one."))], "non_preferred_output": [\#(Self.said("Bad."))]}"#
        let (data, report) = try Self.pairs(line)
        #expect(report.isValid, "\(report.text)")
        let sample = try #require(data).sample(0)
        #expect(sample.runs.count == 2 && sample.labels == nil)
        let starts = sample.runs.map { $0.isTrained.firstIndex(of: true) ?? 0 }
        #expect(starts[0] == starts[1] && starts[0] > 0)
        #expect(sample.runs[0].ids.prefix(starts[0]) == sample.runs[1].ids.prefix(starts[1]))
        #expect(sample.runs[0].ids != sample.runs[1].ids)
        let supervised = try Self.read(
            #"{"messages": [\#(Self.user), \#(Self.said("A good one."))]}"#, DatasetOptions(maximumLength: 512))
        #expect(try #require(supervised.0).sample(0).runs[0] == sample.runs[0], "an answer is trained as it would be alone")
    }

    @Test func theFormsOfTRLMeanTheSamePair() throws {
        let wanted = try #require(
            try Self.pairs(
                #"{"input": {"messages": [\#(Self.user)]}, "preferred_output": [\#(Self.said("Good."))], "non_preferred_output": [\#(Self.said("Bad."))]}"#
            ).0
        ).sample(0)
        for line in [
            #"{"prompt": [\#(Self.user)], "chosen": [\#(Self.said("Good."))], "rejected": [\#(Self.said("Bad."))]}"#,
            #"{"chosen": [\#(Self.user), \#(Self.said("Good."))], "rejected": [\#(Self.user), \#(Self.said("Bad."))]}"#,
            #"{"prompt": [\#(Self.user)], "chosen": [\#(Self.user), \#(Self.said("Good."))], "rejected": [\#(Self.user), \#(Self.said("Bad."))]}"#,
            #"{"prompt": "Tell me.", "chosen": [\#(Self.user), \#(Self.said("Good."))], "rejected": [\#(Self.user), \#(Self.said("Bad."))]}"#,
        ] {
            let (data, report) = try Self.pairs(line)
            #expect(report.isValid, "\(report.text)")
            #expect(data?.sample(0).runs == wanted.runs, "\(line)")
        }
    }

    @Test func ofTextsThePromptIsGivenOrWhatBothBeginWith() throws {
        let given = try #require(try Self.pairs(#"{"prompt": "The hen is", "chosen": " brown.", "rejected": " red."}"#).0).sample(0)
        let common = try #require(try Self.pairs(#"{"chosen": "The hen is brown.", "rejected": "The hen is red."}"#).0).sample(0)
        #expect(given.runs.map(\.ids) == common.runs.map(\.ids))
        #expect(given.runs[0].isTrained.first == false && given.runs[0].isTrained.last == true)
    }

    @Test(arguments: [
        (#"{"prompt": "q", "chosen": "same", "rejected": "same"}"#, "rejected", "invalid_value"),
        (#"{"chosen": "one thing", "rejected": "another"}"#, "rejected", "prompt_differs"),
        (
            #"{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}], "rejected": [{"role": "user", "content": "b"}, {"role": "assistant", "content": "y"}]}"#,
            "chosen[0]", "prompt_differs"
        ),
        (#"{"prompt": "q", "chosen": "a"}"#, "rejected", "missing_field"),
        (
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}], "label": true}"#, "label",
            "invalid_value"
        ),
        (#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}]}"#, "input", "missing_field"),
    ]) func aPairThatIsNoneIsAnErrorOfItsLine(line: String, field: String, kind: String) throws {
        let good = #"{"prompt": "q", "chosen": "one", "rejected": "two"}"#
        let report = try Self.pairs((line.contains("chosen") ? good + "\n" : "") + line).1
        let problem = try #require(report.problems.first.first)
        #expect(problem.field == field && problem.kind == kind, "\(report.text)")
        #expect(problem.line == (line.contains("chosen") ? 2 : 1))
    }

    /// What a template leaves out is no difference.
    @Test func answersThatBecomeTheSameTokensAreNoPair() throws {
        let line =
            #"{"input": {"messages": [\#(Self.user)]}, "preferred_output": [{"role": "assistant", "content": "Same.", "weight": 1}], "non_preferred_output": [\#(Self.said("Same."))]}"#
        let problem = try #require(try Self.pairs(line).1.problems.first.first)
        #expect(problem.field == "non_preferred_output" && problem.message.contains("same"))
    }

    @Test func aJudgedAnswerIsTheLastOneAndHasItsLabel() throws {
        let lines = [
            #"{"messages": [\#(Self.user), \#(Self.said("First.")), \#(Self.user), \#(Self.said("Last."))], "label": false}"#,
            #"{"messages": [\#(Self.user), \#(Self.said("Good."))], "label": true}"#,
        ]
        let (data, report) = try Self.judged(lines.joined(separator: "\n"))
        #expect(report.isValid, "\(report.text)")
        let samples = try (0..<2).map { try #require(data).sample($0) }
        #expect(samples.map(\.labels) == [[0], [1]])
        let marks = samples[0].runs[0].isTrained
        #expect(marks.last == true && zip(marks, marks.dropFirst()).count { !$0 && $1 } == 1, "one answer alone is trained")
        #expect(try #require(try Self.judged(#"{"prompt": "q", "completion": "a", "label": true}"#).0).sample(0).labels == [1])
        for (line, field) in [
            (#"{"messages": [\#(Self.user), \#(Self.said("x"))]}"#, "label"),
            (#"{"messages": [\#(Self.user), \#(Self.said("x"))], "label": "good"}"#, "label"),
        ] {
            #expect(try Self.judged(line).1.problems.first.first?.field == field)
        }
        let pair = try Self.judged(#"{"prompt": "q", "chosen": "a", "rejected": "b"}"#).1.problems.first.first
        #expect(pair?.message.contains("label") == true)
    }

    /// `max_length` is for each answer behind its prompt, not for both together.
    @Test func aLimitOfLengthIsForEachAnswer() throws {
        let line = #"{"prompt": "The hen is", "chosen": " brown.", "rejected": " red."}"#
        let sample = try #require(try Self.pairs(line).0).sample(0)
        let longest = sample.runs.map(\.ids.count).max() ?? 0
        func report(_ limit: Int, _ excess: DatasetOptions.OnExcess = .error) throws -> (Dataset?, ValidationReport) {
            try Self.read(line, DatasetOptions(purpose: .pairs, trainOn: .completion, maximumLength: limit, onExcess: excess))
        }
        #expect(try report(longest).1.isValid)
        #expect(try report(longest - 1).1.problems.first.first?.kind == "too_long")
        let cut = try #require(try report(longest - 1, .truncate).0)
        #expect(cut.sample(0).runs.map(\.ids.count).max() == longest - 1 && cut.longestRun() == longest - 1)
    }
}
