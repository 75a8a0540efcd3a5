import Datasets
import Foundation
import JSON
import Templates
import TestSupport
import Testing
import Tokenization

@Suite struct StoreTests {
    private func entries(_ folder: DataFolder) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache")) ?? []).filter { $0 != "digests" }
    }

    @Test func aSecondReadingTakesTheTokensFromTheCache() throws {
        let folder = try DataFolder()
        let cache = DatasetCache(folder: folder.path + "/cache")
        let path = try folder.write("data.jsonl", chats(50))
        let first = try folder.reader(cache: cache).read(path)
        let second = try folder.reader(cache: cache).read(path)
        #expect(!first.report.isCached && second.report.isCached)
        var report = second.report
        report.isCached = false
        #expect(JSONWriter().string(report.json) == JSONWriter().string(first.report.json))
        #expect((0..<50).allSatisfy { first.dataset?.example($0) == second.dataset?.example($0) && second.dataset?.line(of: $0) == $0 + 1 })
        // Another option is another entry.
        let other = try folder.reader(DatasetOptions(trainOn: .all, maximumLength: 1 << 20), cache: cache).read(path)
        #expect(!other.report.isCached && entries(folder).count == 2)
        // So is other data under the same name.
        try folder.write("data.jsonl", chats(49) + chat("Question 49", "Answer 50") + "\n")
        #expect(try !folder.reader(cache: cache).read(path).report.isCached)
    }

    /// Mapped bytes of a file's tokens that are in this process's memory.
    private func residentTokens(_ folder: DataFolder) throws -> Int {
        var (isTokens, kibibytes) = (false, 0)
        // The kernel says of this file that it is empty, so it is read until it ends.
        let file = try #require(fopen("/proc/self/smaps", "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var bytes: [UInt8] = []
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first?.contains("-") == true { isTokens = line.contains(folder.path) && line.hasSuffix("tokens.bin") }
            if isTokens, words.first == "Rss:" { kibibytes += Int(words[1]) ?? 0 }
        }
        return kibibytes << 10
    }

    /// A job's plan counts what the process holds when it is made.
    @Test func tokensThatWereLookedAtAreGivenBack() throws {
        let folder = try DataFolder()
        let path = try folder.write("data.jsonl", chats(3000))
        let dataset = try #require(try folder.reader(cache: DatasetCache(folder: folder.path + "/cache")).read(path).dataset)
        let before = (0..<3000).map { dataset.example($0) }
        #expect(try residentTokens(folder) > 0)
        dataset.evict()
        #expect(try residentTokens(folder) == 0)
        #expect((0..<3000).allSatisfy { dataset.example($0) == before[$0] })
    }

    @Test func manyThatFillACacheAtOnceEachSucceed() throws {
        let folder = try DataFolder()
        let path = try folder.write("data.jsonl", chats(20))
        for round in 0..<25 {
            let cache = DatasetCache(folder: folder.path + "/cache-\(round)")
            let readers = (0..<6).map { _ in Result { try folder.reader(cache: cache) } }
            let outcomes = Outcomes()
            DispatchQueue.concurrentPerform(iterations: readers.count) { index in
                outcomes.add(Result { try readers[index].get().read(path).dataset?.count })
            }
            for outcome in outcomes.all { #expect(try outcome.get() == 20) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache-\(round)").count == 2)
        }
    }

    /// What several threads found.
    private final class Outcomes: @unchecked Sendable {
        private let lock = NSLock()
        private var found: [Result<Int?, any Error>] = []
        var all: [Result<Int?, any Error>] { lock.withLock { found } }
        func add(_ outcome: Result<Int?, any Error>) { lock.withLock { found.append(outcome) } }
    }

    @Test func anEntryThatIsBrokenIsReplaced() throws {
        let folder = try DataFolder()
        let cache = DatasetCache(folder: folder.path + "/cache")
        let path = try folder.write("data.jsonl", chats(20))
        _ = try folder.reader(cache: cache).read(path)
        let entry = folder.path + "/cache/" + (try #require(entries(folder).first))
        try FileManager.default.removeItem(atPath: entry + "/tokens.bin")
        #expect(try folder.reader(cache: cache).read(path).dataset?.count == 20)
        #expect(FileManager.default.fileExists(atPath: entry + "/tokens.bin") && entries(folder).count == 1)
    }

    @Test func aTemplateThatWritesTheDateIsReadAnewOnAnotherDayAndNotOnTheSame() throws {
        let folder = try DataFolder()
        let model = folder.path + "/model"
        try FileManager.default.copyItem(atPath: ReferenceSet.own.chatModel, toPath: model)
        let template = "{{ strftime_now('%d %B') }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}"
        try folder.write("model/chat_template.jinja", template)
        let path = try folder.write("data.jsonl", chats(5))
        func read(on day: Int) throws -> (dataset: Dataset?, report: ValidationReport) {
            var encoder = try ChatEncoder(folder: model)
            encoder.clock = TemplateClock(dayOf: day * 86_400)
            return try DatasetReader(
                encoder: encoder, options: DatasetOptions(maximumLength: 1 << 20), modelFolder: model,
                cache: DatasetCache(folder: folder.path + "/cache")
            ).read(path)
        }
        let (first, same, other) = try (read(on: 20_000), read(on: 20_000), read(on: 20_100))
        #expect(!first.report.isCached && same.report.isCached && !other.report.isCached)
        #expect(first.dataset?.example(0) == same.dataset?.example(0) && first.dataset?.example(0) != other.dataset?.example(0))
    }

    @Test(arguments: ["tokens.bin", "examples.bin", "report.json", "COMPLETE"]) func aDamagedEntryIsReadAnew(file: String) throws {
        let folder = try DataFolder()
        let cache = DatasetCache(folder: folder.path + "/cache")
        let path = try folder.write("data.jsonl", chats(20))
        let whole = try folder.reader(cache: cache).read(path)
        let entry = try #require(entries(folder).first)
        let damaged = folder.path + "/cache/\(entry)/\(file)"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: damaged))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: damaged))
        let again = try folder.reader(cache: cache).read(path)
        #expect(!again.report.isCached && again.dataset?.tokenCount == whole.dataset?.tokenCount)
        #expect(try folder.reader(cache: cache).read(path).report.isCached)
    }

    @Test func dataThatIsInvalidIsNotKept() throws {
        let folder = try DataFolder()
        let report = try folder.reader(cache: DatasetCache(folder: folder.path + "/cache")).read(folder.write("data.jsonl", "{}\n")).report
        #expect(!report.isValid && entries(folder).isEmpty)
    }

    @Test func dataThatChangesWhileItIsReadIsRefused() throws {
        let folder = try DataFolder()
        let path = try folder.write("data.jsonl", chats(40_000))
        var isTouched = false
        let report = try folder.reader(cache: DatasetCache(folder: folder.path + "/cache")).read(path) { _ in
            guard !isTouched else { return }
            isTouched = true
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data((chat("late", "line") + "\n").utf8))
            try handle.close()
        }.report
        #expect(isTouched && report.problems.counts["data_changed"] == 1, "\(report.problems.first)")
        #expect(entries(folder).isEmpty)
    }

    @Test func aReadingThatIsBrokenOffLeavesNothing() throws {
        struct Enough: Error {}
        let folder = try DataFolder()
        let path = try folder.write("data.jsonl", chats(100))
        #expect(throws: Enough.self) {
            try folder.reader(cache: DatasetCache(folder: folder.path + "/cache")).read(path) { _ in throw Enough() }
        }
        #expect(entries(folder).isEmpty)
    }

    @Test func figuresAreThoseOfTheFile() throws {
        let folder = try DataFolder()
        let long = chat("q", String(repeating: "word ", count: 400))
        let path = try folder.write("data.jsonl", chats(30) + chats(2, from: 5) + long + "\n" + chat("x", "a") + "\n")
        let (data, report) = try folder.reader().read(path)
        let all = try #require(data)
        #expect(report.exampleCount == 34 && report.duplicateCount == 2 && report.duplicateLines == [[31, 6], [32, 7]])
        #expect(report.longestLine == 33 && report.longestExample == all.longestExample && report.isImbalanced)
        #expect(report.tokenCount == (0..<34).reduce(0) { $0 + all.example($1).ids.count })
        #expect(report.trainedTokenCount == (0..<34).reduce(0) { $0 + all.example($1).trainedTokenCount })
        #expect(report.nearEmptyCount == (0..<34).filter { all.example($0).trainedTokenCount < 3 }.count)
        let limit = all.tokenCount(of: 0)
        func excess(_ rule: DatasetOptions.OnExcess) throws -> (dataset: Dataset?, report: ValidationReport) {
            try folder.reader(DatasetOptions(maximumLength: limit + 40, onExcess: rule)).read(path)
        }
        #expect(try excess(.error).report.problems.first.map(\.line) == [33])
        #expect(try excess(.drop).dataset?.count == 33)
        let cut = try excess(.truncate)
        #expect(
            cut.report.excessCount == 1 && cut.dataset?.longestExample == limit + 40 && cut.report.longestExample == report.longestExample)
        var leak = report
        let (held, _) = try folder.reader().read(folder.write("held.jsonl", chats(10, from: 25)))
        DatasetReader.compare(&leak, try #require(held), with: all)
        #expect(leak.leakedCount == 5 && leak.leakedLines.first == [1, 26])
    }

    @Test func aSplitDividesTheExamplesAndIsStableWhenLinesAreAdded() throws {
        let folder = try DataFolder()
        func split(_ count: Int) throws -> (training: Dataset, validation: Dataset) {
            try #require(try folder.reader().read(folder.write("data.jsonl", chats(count))).dataset).split(fraction: 0.2, seed: 11)
        }
        let (few, more) = (try split(300), try split(500))
        func lines(_ data: Dataset) -> [Int] { (0..<data.count).map { data.line(of: $0) } }
        #expect((lines(few.training) + lines(few.validation)).sorted() == Array(1...300))
        #expect(lines(more.validation).filter { $0 <= 300 } == lines(few.validation))
        #expect(lines(more.training).filter { $0 <= 300 } == lines(few.training))
        #expect(few.training.trainedTokenCount == (0..<few.training.count).reduce(0) { $0 + few.training.trainedTokenCount(of: $1) })
        #expect((30...90).contains(few.validation.count))
    }

    @Test func theLongestExamplesMakeTheLargestBatch() {
        var lengths = LengthStatistics()
        for length in [5, 9, 9, 2, 7] { lengths.add(length) }
        #expect(lengths.tokens(ofLongest: 1) == 9 && lengths.tokens(ofLongest: 3) == 25 && lengths.tokens(ofLongest: 99) == 32)
        #expect(lengths.quantile(0.5) == 7 && lengths.shortest == 2 && lengths.longest == 9)
    }
}
