import Datasets
import JSON
import Testing
import Tokenization

/// Labelled texts and conversations.
@Suite struct LabelTests {
    private static func options(_ labels: LabelOptions = LabelOptions()) -> DatasetOptions {
        var options = DatasetOptions(purpose: .classification, trainOn: .all, maximumLength: 512)
        options.labels = labels
        return options
    }

    private static func text(_ words: String, _ label: String) -> String { #"{"text": "\#(words)", "label": \#(label)}"# + "\n" }

    private static func read(_ lines: String, _ labels: LabelOptions = LabelOptions()) throws -> (
        dataset: Dataset?, report: ValidationReport
    ) {
        let folder = try DataFolder()
        return try folder.reader(options(labels)).read(folder.write("data.jsonl", lines))
    }

    @Test func classesAreTheNamesInTheOrderOfTheirCharacters() throws {
        let (data, report) = try Self.read(
            Self.text("A hen.", "\"bird\"") + Self.text("An ä.", "\"Ärger\"") + Self.text("A pig.", "\"Bird\"")
                + Self.text("Again.", "\"bird\""))
        #expect(report.labels?.map(\.name) == ["Bird", "bird", "Ärger"] && report.labels?.map(\.count) == [1, 2, 1])
        #expect(report.labels?.map(\.firstLine) == [3, 1, 2] && report.format == .labelledText)
        let found = try #require(data)
        #expect((0..<found.count).map { found.sample($0).labels } == [[1], [2], [0], [1]])
        // The tokens are the text's, with what the tokenizer puts before one.
        #expect(found.example(0).ids == (try DataFolder.encoder.get()).tokenizer.encode("A hen.", addSpecialTokens: true))
        #expect(found.labelCounts(3) == [1, 2, 1])
    }

    @Test func numbersAreOrderedAsNumbersAndMeanPlacesWhereClassesHaveNames() throws {
        let lines = Self.text("a", "10") + Self.text("b", "2") + Self.text("c", "-1")
        let (data, report) = try Self.read(lines)
        #expect(report.labels?.map(\.name) == ["-1", "2", "10"] && report.labelsAreNumbers)
        #expect(try #require(data).sample(0).labels == [2])
        let named = try Self.read(Self.text("a", "1") + Self.text("b", "0"), LabelOptions(names: ["ham", "spam"]))
        #expect(named.dataset?.sample(0).labels == [1] && named.report.labels?.map(\.count) == [1, 1])
        let beyond = try Self.read(Self.text("a", "1") + Self.text("b", "2"), LabelOptions(names: ["ham", "spam"]))
        #expect(beyond.report.problems.first.first?.kind == "unknown_label" && beyond.report.problems.first.first?.line == 2)
    }

    @Test func theModelsOwnClassesKeepTheirOrderWhereTheyHoldTheFiles() throws {
        var labels = LabelOptions()
        labels.preferred = ["low", "middle", "high"]
        let lines = Self.text("a", "\"high\"") + Self.text("b", "\"low\"")
        #expect(try Self.read(lines, labels).report.labels?.map(\.name) == ["low", "middle", "high"])
        #expect(try Self.read(lines + Self.text("c", "\"none\""), labels).report.labels?.map(\.name) == ["high", "low", "none"])
    }

    @Test func conversationsNeedNoAnswer() throws {
        let line = #"{"messages": [{"role": "user", "content": "Hello"}], "label": "a"}"# + "\n"
        let (data, report) = try Self.read(line + line.replacing("\"a\"", with: "\"b\""))
        #expect(report.format == .labelledChat, "\(report.problems)")
        let encoder = try DataFolder.encoder.get()
        let text = try encoder.render(messages: [["role": "user", "content": "Hello"]])
        #expect(data?.example(0).ids == encoder.tokenizer.encode(text, addSpecialTokens: false))
    }

    @Test func anExampleMayHaveSeveralClassesOrNone() throws {
        let lines = #"{"text": "a", "labels": ["x", "y"]}"# + "\n" + #"{"text": "b", "labels": []}"# + "\n" + Self.text("c", "\"y\"")
        let (data, report) = try Self.read(lines, LabelOptions(isMultiLabel: true))
        let found = try #require(data, "\(report.problems)")
        #expect((0..<found.count).map { found.sample($0).labels } == [[0, 1], [], [1]])
    }

    /// What is wrong with the third line of three, and where.
    @Test(arguments: [
        (#"{"text": "c"}"#, "missing_field", "label"), (#"{"text": "c", "label": 1}"#, "invalid_value", "label"),
        (#"{"text": "c", "label": true}"#, "wrong_type", "label"), (#"{"text": "c", "label": 0.5}"#, "wrong_type", "label"),
        (#"{"text": "c", "label": ""}"#, "empty_field", "label"), (#"{"text": "c", "label": {"a": 1}}"#, "wrong_type", "label"),
        (#"{"text": "c", "labels": ["x", "y"]}"#, "invalid_value", "labels"), (#"{"text": "c", "labels": "x"}"#, "wrong_type", "labels"),
        (#"{"text": "c", "label": "x", "labels": ["x"]}"#, "invalid_value", "labels"),
        (#"{"text": "", "label": "x"}"#, "empty_field", "text"),
        (#"{"messages": [{"role": "user", "content": "q"}], "label": "x"}"#, "missing_field", "text"),
        (#"{"text": 5, "label": "x"}"#, "wrong_type", "text"),
    ])
    func aFaultyLineIsNamed(line: String, kind: String, field: String) throws {
        let report = try Self.read(Self.text("a", "\"x\"") + Self.text("b", "\"y\"") + line + "\n").report
        let problem = try #require(report.problems.first.first)
        #expect(problem.kind == kind && problem.field == field && problem.line == 3, "\(problem)")
    }

    @Test func oneClassAloneIsAnErrorOfItsLine() throws {
        let report = try Self.read("\n" + Self.text("a", "\"x\"") + Self.text("b", "\"x\"")).report
        let problem = try #require(report.problems.first.first)
        #expect(problem.kind == "one_class" && problem.line == 2 && problem.field == "label", "\(problem)")
        var labels = LabelOptions(names: ["x", "y"])
        labels.isTraining = false
        #expect(try Self.read(Self.text("a", "\"x\""), labels).report.isValid)
    }

    @Test func aLabelThatTrainingDoesNotKnowIsAnErrorOfItsLine() throws {
        var labels = LabelOptions(names: ["x", "y"])
        (labels.isTraining, labels.areNumbers) = (false, false)
        let report = try Self.read(Self.text("a", "\"x\"") + Self.text("b", "\"z\"") + Self.text("c", "0"), labels).report
        #expect(report.problems.first.map(\.kind) == ["unknown_label", "invalid_value"] && report.problems.first.map(\.line) == [2, 3])
    }

    @Test func aSplitKeepsAnExampleOfEachClassToTrainOn() throws {
        let lines = (0..<40).map { Self.text("text \($0)", $0 % 20 == 0 ? "\"rare\"" : "\"usual\"") }.joined()
        let data = try #require(try Self.read(lines).dataset)
        for seed in 0..<40 {
            let (training, validation) = data.split(fraction: 0.6, seed: UInt64(seed))
            #expect(training.labelCounts(2).allSatisfy { $0 > 0 } && training.count + validation.count == 40)
        }
        var report = try Self.read(lines + Self.text("single", "\"single\"")).report
        report.requireClassesToDivide(0.1)
        #expect(report.problems.first.first?.kind == "too_few_examples" && report.problems.first.first?.line == 41)
    }

    @Test func theCacheKnowsTheClasses() throws {
        let folder = try DataFolder()
        let cache = DatasetCache(folder: folder.path + "/cache")
        let path = try folder.write("data.jsonl", Self.text("a", "\"x\"") + Self.text("b", "\"y\""))
        let first = try folder.reader(Self.options(), cache: cache).read(path).report
        let again = try folder.reader(Self.options(), cache: cache).read(path)
        #expect(again.report.isCached && again.report.labels == first.labels && again.dataset?.sample(1).labels == [1])
        let other = try folder.reader(Self.options(LabelOptions(names: ["y", "x"])), cache: cache).read(path)
        #expect(!other.report.isCached && other.dataset?.sample(1).labels == [0])
    }
}
