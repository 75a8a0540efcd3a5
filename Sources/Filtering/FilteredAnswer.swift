package import JSON

/// Holds back what a filter finds in an answer, whole or in the chunks of a stream, in the shapes
/// of Azure's service: the choice ends with `content_filter`, `content_filter_results` say why, and
/// other choices go on.
///
/// A stream is buffered: pieces wait for a window of 256 characters or the end of a sentence, and
/// what could be the beginning of a term waits on. Or it is asynchronous: pieces go out at once,
/// and what is found ends the choice within some thousand characters.
package struct FilteredAnswer: Sendable {
    /// What a check has come to.
    package enum Checked: Sendable {
        /// - Parameter openEnd: characters at the end that may be the beginning of something.
        case results(FilterResults, openEnd: Int)
        /// It could not be checked, and passes all the same; why.
        case unchecked(String)
    }
    /// Checks a text; of one that is not whole, more will come.
    /// - Throws: where it cannot be checked and must not pass.
    package typealias Check = @Sendable (_ text: String, _ isWhole: Bool) async throws -> Checked

    /// A chunk that waits, with the characters of its choice up to its end.
    private struct Held: Sendable {
        var chunk: JSONNode
        var end: Int
    }
    private struct Choice: Sendable {
        /// What is checked next, with enough before it to find a term that began there.
        var text = ""
        var length = 0
        var unchecked = 0
        var checkedEnd = 0
        var held: [Held] = []
        var isCut = false
    }
    private let buffers: Bool
    private let check: Check
    private var choices: [Int: Choice] = [:]

    /// Characters of a window, and of what is signalled late in a stream that is not buffered.
    package static let (window, lateWindow) = (256, 1000)
    /// Characters before a piece that are checked with it.
    private static let context = 2000

    package init(buffers: Bool, check: @escaping Check) { (self.buffers, self.check) = (buffers, check) }

    /// How many choices have been ended.
    package var cutCount: Int { choices.values.count { $0.isCut } }

    // MARK: Streams

    /// Takes a chunk of a stream.
    /// - Returns: what may go out now.
    package mutating func take(_ chunk: JSONNode) async throws -> [JSONNode] {
        guard let node = chunk["choices"]?.array?.first, let index = node["index"]?.integer else { return [chunk] }
        var choice = choices[index] ?? Choice()
        guard !choice.isCut else { return [] }
        defer { choices[index] = choice }
        let text = Self.text(of: node)
        let isEnd = node["finish_reason"]?.string != nil
        let count = text.unicodeScalars.count
        choice.text += text
        choice.length += count
        choice.unchecked += count
        if buffers {
            choice.held.append(Held(chunk: chunk, end: choice.length))
            guard isEnd || choice.unchecked >= Self.window || (choice.unchecked > 0 && Self.endsSentence(text)) else {
                // What says nothing waits for nothing.
                return choice.held.allSatisfy { $0.end == 0 } ? Self.empty(&choice.held) : []
            }
            return try await release(&choice, chunk, index, isEnd: isEnd)
        }
        guard isEnd || choice.unchecked >= Self.lateWindow else { return [chunk] }
        return try await signal(&choice, chunk, index, isEnd: isEnd)
    }

    private static func empty(_ held: inout [Held]) -> [JSONNode] {
        defer { held = [] }
        return held.map(\.chunk)
    }

    /// Checks what waits and lets go what is all right.
    private func release(_ choice: inout Choice, _ chunk: JSONNode, _ index: Int, isEnd: Bool) async throws -> [JSONNode] {
        let checked = try await check(choice.text, isEnd)
        choice.unchecked = 0
        var openEnd = 0
        if case .results(let results, let open) = checked {
            if results.isFiltered {
                choice.isCut = true
                choice.held = []
                return [Self.cut(chunk, index, results)]
            }
            openEnd = isEnd ? 0 : open
        }
        let safe = choice.length - openEnd
        let count = choice.held.prefix { $0.end <= safe }.count
        var out = choice.held.prefix(count).map(\.chunk)
        choice.held.removeFirst(count)
        if let last = out.indices.last { out[last] = Self.annotated(out[last], Self.node(checked)) }
        Self.forget(&choice)
        return out
    }

    /// Says of pieces that are out already what was found in them.
    private func signal(_ choice: inout Choice, _ chunk: JSONNode, _ index: Int, isEnd: Bool) async throws -> [JSONNode] {
        let checked = try await check(choice.text, isEnd)
        let start = choice.checkedEnd
        (choice.unchecked, choice.checkedEnd) = (0, choice.length)
        let offsets: JSONNode = ["check_offset": JSONNode(start), "start_offset": JSONNode(start), "end_offset": JSONNode(choice.length)]
        Self.forget(&choice)
        if case .results(let results, _) = checked, results.isFiltered {
            choice.isCut = true
            // The piece that has just come is the first that is held back.
            return [Self.cut(chunk, index, results, offsets)]
        }
        let note = Self.replacing(
            chunk, ["index": JSONNode(index), "finish_reason": nil, "content_filter_offsets": offsets],
            more: Self.node(checked))
        return isEnd ? [note, chunk] : [chunk, note]
    }

    /// Keeps of a checked text what a term could have begun in, from the beginning of a word on.
    private static func forget(_ choice: inout Choice) {
        guard choice.text.unicodeScalars.count > 2 * context else { return }
        let tail = String(String.UnicodeScalarView(choice.text.unicodeScalars.suffix(context)))
        choice.text = tail.firstIndex(where: \.isWhitespace).map { String(tail[$0...]) } ?? tail
    }

    private static func endsSentence(_ text: String) -> Bool {
        guard let last = text.last(where: { $0 != " " }) else { return false }
        return ".!?\n。！？…".contains(last) && text.last != last || last == "\n"
    }

    // MARK: Whole answers

    /// An answer with what is filtered taken out, and every choice annotated.
    package func whole(_ answer: JSONNode) async throws -> JSONNode {
        var made: [JSONNode] = []
        for choice in answer["choices"]?.array ?? [] {
            let checked = try await check(Self.text(of: choice), true)
            guard case .results(let results, _) = checked, results.isFiltered else {
                made.append(JSONNode((choice.object ?? []) + [Self.node(checked)]))
                continue
            }
            let kept: [JSONMember] = (choice.object ?? []).map { member in
                switch member.key {
                case "finish_reason": JSONMember("finish_reason", "content_filter")
                case "text": JSONMember("text", "")
                case "message": JSONMember("message", ["role": "assistant", "content": "", "refusal": nil])
                case "logprobs": JSONMember("logprobs", nil)
                default: member
                }
            }
            made.append(JSONNode(kept + [Self.node(checked)]))
        }
        return JSONNode((answer.object ?? []).map { $0.key == "choices" ? JSONMember("choices", JSONNode(made)) : $0 })
    }

    // MARK: Shapes

    /// Everything in a choice that a reader would see: content, text, the arguments of calls.
    static func text(of choice: JSONNode) -> String {
        let said = choice["delta"] ?? choice["message"] ?? choice
        let calls = (said["tool_calls"]?.array ?? []).map {
            ($0["function"]?["name"]?.string ?? "") + ($0["function"]?["arguments"]?.string ?? "")
        }
        return ([said["content"]?.string ?? choice["text"]?.string ?? "", said["reasoning_content"]?.string ?? ""] + calls).joined()
    }

    private static func node(_ checked: Checked) -> JSONMember {
        switch checked {
        case .results(let results, _): JSONMember("content_filter_results", results.json)
        case .unchecked(let message):
            JSONMember("content_filter_result", ["error": ["code": "content_filter_error", "message": JSONNode(message)]])
        }
    }

    /// A chunk with another choice, which says nothing.
    private static func replacing(_ chunk: JSONNode, _ choice: JSONNode, more: JSONMember) -> JSONNode {
        let former = chunk["choices"]?.array?.first
        let silent = former?["delta"] == nil ? JSONMember("text", "") : JSONMember("delta", [:])
        let node = JSONNode((choice.object ?? []) + [silent, JSONMember("logprobs", nil), more])
        return JSONNode((chunk.object ?? []).map { $0.key == "choices" ? JSONMember("choices", [node]) : $0 })
    }

    private static func cut(_ chunk: JSONNode, _ index: Int, _ results: FilterResults, _ offsets: JSONNode? = nil) -> JSONNode {
        var members = [JSONMember("index", JSONNode(index)), JSONMember("finish_reason", "content_filter")]
        if let offsets { members.append(JSONMember("content_filter_offsets", offsets)) }
        return replacing(chunk, JSONNode(members), more: JSONMember("content_filter_results", results.json))
    }

    private static func annotated(_ chunk: JSONNode, _ note: JSONMember) -> JSONNode {
        let choices = (chunk["choices"]?.array ?? []).map { JSONNode(($0.object ?? []) + [note]) }
        return JSONNode((chunk.object ?? []).map { $0.key == "choices" ? JSONMember("choices", JSONNode(choices)) : $0 })
    }
}
