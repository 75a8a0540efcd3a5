import JSON
import Testing

@testable import Filtering

@Suite struct FilteredAnswerTests {
    private static func check(_ terms: String) throws -> FilteredAnswer.Check {
        let list = try BlockList(name: "words", terms)
        let policy = FilterPolicy(blockLists: ["words"])
        return { text, isWhole in
            var results = FilterResults()
            let (match, openEnd) = isWhole ? (list.match(in: text), 0) : list.match(inBeginning: text)
            policy.judge(blockLists: match == nil ? [] : ["words"], into: &results)
            return .results(results, openEnd: openEnd)
        }
    }

    private static func chunk(_ index: Int, _ text: String?, _ finish: String? = nil) -> JSONNode {
        let delta: JSONNode = text.map { ["content": JSONNode($0)] } ?? [:]
        return [
            "id": "chatcmpl-1",
            "choices": [
                ["index": JSONNode(index), "delta": delta, "logprobs": nil, "finish_reason": finish.map { JSONNode($0) } ?? .null]
            ],
        ]
    }

    /// The text of a choice that has gone out.
    private static func text(_ chunks: [JSONNode], _ index: Int = 0) -> String {
        chunks.compactMap { $0["choices"]?.array?.first }.filter { $0["index"]?.integer == index }.compactMap {
            $0["delta"]?["content"]?.string
        }
        .joined()
    }

    private static func finish(_ chunks: [JSONNode], _ index: Int = 0) -> String? {
        chunks.compactMap { $0["choices"]?.array?.first }.last { $0["index"]?.integer == index && $0["finish_reason"]?.string != nil }?[
            "finish_reason"]?
            .string
    }

    private static func run(_ answer: inout FilteredAnswer, _ pieces: [String], _ index: Int = 0) async throws -> [JSONNode] {
        var out: [JSONNode] = []
        for piece in pieces { out += try await answer.take(chunk(index, piece)) }
        return out + (try await answer.take(chunk(index, nil, "stop")))
    }

    @Test func whatIsAllRightComesWholeHoweverItIsCut() async throws {
        let text = String(repeating: "A bird sings. The badger (not bad-) listens to it all day long, ", count: 20)
        for size in [1, 3, 17, 255, 256, 300, 5000] {
            var answer = FilteredAnswer(buffers: true, check: try Self.check("worse"))
            var (pieces, rest) = ([String](), Substring(text))
            while !rest.isEmpty {
                pieces.append(String(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            let out = try await Self.run(&answer, pieces)
            #expect(Self.text(out) == text && Self.finish(out) == "stop" && answer.cutCount == 0)
            let last = try #require(out.last?["choices"]?.array?.first)
            #expect(last["content_filter_results"]?["custom_blocklists"]?["filtered"]?.bool == false)
        }
    }

    /// Not a letter of the term goes out, wherever chunks and windows end.
    @Test func notALetterOfATermGoesOut() async throws {
        for before in [0, 1, 40, 250, 255, 256, 257, 700] {
            for size in [1, 2, 7, 300] {
                let text = String(repeating: "a ", count: before / 2) + (before % 2 == 1 ? "." : "") + " very bad idea and more"
                var answer = FilteredAnswer(buffers: true, check: try Self.check("very bad idea"))
                var (pieces, rest) = ([String](), Substring(text))
                while !rest.isEmpty {
                    pieces.append(String(rest.prefix(size)))
                    rest = rest.dropFirst(size)
                }
                let out = try await Self.run(&answer, pieces)
                #expect(!Self.text(out).contains("v") && text.hasPrefix(Self.text(out)), "\(before), \(size)")
                #expect(Self.finish(out) == "content_filter" && answer.cutCount == 1)
                let end = try #require(out.last?["choices"]?.array?.first)
                #expect(end["content_filter_results"]?["custom_blocklists"]?["filtered"]?.bool == true && end["delta"] == [:])
            }
        }
    }

    @Test func theFirstWordsComeWithinAWindowOrASentence() async throws {
        var answer = FilteredAnswer(buffers: true, check: try Self.check("bad"))
        #expect(try await answer.take(Self.chunk(0, "")).count == 1)
        #expect(try await answer.take(Self.chunk(0, "A bird")).isEmpty)
        #expect(try await answer.take(Self.chunk(0, " sings.")).isEmpty)
        #expect(try await answer.take(Self.chunk(0, " It is. ")).count == 3)
        var out: [JSONNode] = []
        for _ in 0..<256 { out += try await answer.take(Self.chunk(0, "o")) }
        #expect(out.count == 256)
    }

    @Test func otherChoicesGoOn() async throws {
        var answer = FilteredAnswer(buffers: true, check: try Self.check("bad"))
        var out = try await answer.take(Self.chunk(0, "bad one "))
        out += try await answer.take(Self.chunk(1, "good one"))
        out += try await answer.take(Self.chunk(0, nil, "stop"))
        out += try await answer.take(Self.chunk(0, "more"))
        out += try await answer.take(Self.chunk(1, nil, "length"))
        out += try await answer.take(["id": "chatcmpl-1", "choices": [], "usage": ["total_tokens": 3]])
        #expect(Self.text(out) == "" && Self.text(out, 1) == "good one")
        #expect(Self.finish(out) == "content_filter" && Self.finish(out, 1) == "length")
        #expect(out.last?["usage"]?["total_tokens"]?.integer == 3)
    }

    @Test func anAsynchronousStreamComesAtOnceAndEndsLittleLater() async throws {
        var answer = FilteredAnswer(buffers: false, check: try Self.check("bad"))
        #expect(try await answer.take(Self.chunk(0, "bad ")).count == 1)
        var out: [JSONNode] = []
        for _ in 0..<400 { out += try await answer.take(Self.chunk(0, "more ")) }
        #expect(Self.text(out).count <= FilteredAnswer.lateWindow && Self.finish(out) == "content_filter")
        let end = try #require(out.last?["choices"]?.array?.first)
        #expect(
            end["content_filter_offsets"]?["start_offset"]?.integer == 0 && end["content_filter_offsets"]?["end_offset"]?.integer ?? 0 > 990
        )
        var good = FilteredAnswer(buffers: false, check: try Self.check("bad"))
        let whole = try await Self.run(&good, ["all ", "is well"])
        #expect(Self.text(whole) == "all is well" && Self.finish(whole) == "stop" && whole.count == 4)
    }

    @Test func aWholeAnswerLosesWhatIsFilteredAndKeepsTheRest() async throws {
        let answer = FilteredAnswer(buffers: true, check: try Self.check("bad*"))
        let given = try JSONParser().parse(
            """
            {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "badly"}, "logprobs": {"content": [1]}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "well"}, "logprobs": null, "finish_reason": "length"},
            {"index": 2, "message": {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{\\"a\\": \\"bad\\"}"}}]},
             "finish_reason": "tool_calls"}], "usage": {"total_tokens": 4}}
            """)
        let made = try await answer.whole(given)
        let choices = try #require(made["choices"]?.array)
        #expect(!JSONWriter().string(made).contains("bad") && made["usage"]?["total_tokens"]?.integer == 4)
        #expect(choices.map { $0["finish_reason"]?.string } == ["content_filter", "length", "content_filter"])
        #expect(choices[0]["message"]?["content"]?.string == "" && choices[0]["logprobs"]?.isNull == true)
        #expect(choices[1]["message"]?["content"]?.string == "well")
        #expect(choices[1]["content_filter_results"]?["custom_blocklists"]?["filtered"]?.bool == false)
    }

    private struct Fault: Error {}

    @Test func whatCannotBeCheckedDoesNotGoOut() async throws {
        var answer = FilteredAnswer(buffers: true) { _, _ in throw Fault() }
        #expect(try await answer.take(Self.chunk(0, "a")).isEmpty)
        await #expect(throws: Fault.self) { try await answer.take(Self.chunk(0, nil, "stop")) }
        var passing = FilteredAnswer(buffers: true) { _, _ in .unchecked("the classifier is not there") }
        let out = try await Self.run(&passing, ["a"])
        #expect(Self.text(out) == "a")
        #expect(out.last?["choices"]?.array?.first?["content_filter_result"]?["error"]?["code"]?.string == "content_filter_error")
    }
}
