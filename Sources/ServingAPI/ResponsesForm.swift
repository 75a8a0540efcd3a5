package import JSON

/// An answer of chat as `/v1/responses` gives it: one response, or the events of its stream.
package struct ResponsesForm: AnswerForm {
    private struct Item: Sendable {
        var id: String
        /// The text of a message, the arguments of a call.
        var text = ""
        /// Of a call its id and the function's name.
        var call: (id: String, name: String)?
        var isDone = false
    }
    private let request: ResponsesRequest
    private let id: String
    private let created: Int
    private var items: [Item] = []
    private var finish: String?
    private var usage: JSONNode?
    private var tala: JSONNode?
    private var sequence = 0

    package init(_ request: ResponsesRequest, id: String, created: Int) { (self.request, self.id, self.created) = (request, id, created) }

    package var ending: String { "" }

    package func whole(_ answer: JSONNode) -> JSONNode {
        var form = self
        let choice = answer["choices"]?.array?.first
        let message = choice?["message"]
        let text = message?["content"]?.string ?? ""
        let calls = message?["tool_calls"]?.array ?? []
        if !text.isEmpty || calls.isEmpty { form.items.append(Item(id: form.nextID("msg"), text: text, isDone: true)) }
        for call in calls {
            let function = call["function"]
            let named = (call["id"]?.string ?? "", function?["name"]?.string ?? "")
            form.items.append(Item(id: form.nextID("fc"), text: function?["arguments"]?.string ?? "", call: named, isDone: true))
        }
        (form.finish, form.usage, form.tala) = (choice?["finish_reason"]?.string, answer["usage"], answer["tala"])
        return form.response
    }

    package mutating func text(of chunk: JSONNode) -> String {
        var events = sequence == 0 ? begin() : []
        if let choice = chunk["choices"]?.array?.first {
            say(choice["delta"]?["content"]?.string ?? "", &events)
            for delta in choice["delta"]?["tool_calls"]?.array ?? [] { call(delta, &events) }
            if let reason = choice["finish_reason"]?.string {
                finish = reason
                close(&events)
            }
        }
        if let counted = chunk["usage"], !counted.isNull {
            usage = counted
            events.append(event(isCut ? "response.incomplete" : "response.completed", [JSONMember("response", response)]))
        }
        return events.map(Self.text).joined()
    }

    package mutating func text(of fault: APIError) -> String {
        let error = fault.body["error"]
        return Self.text(event("error", ["code", "message", "param"].map { JSONMember($0, error?[$0] ?? .null) }))
    }

    private static func text(_ event: JSONNode) -> String {
        "event: \(event["type"]?.string ?? "error")\ndata: \(JSONWriter().string(event))\n\n"
    }

    // MARK: The response

    /// Whether the answer is not what the model would have said.
    private var isCut: Bool { finish == "length" || finish == "content_filter" }

    /// The response as far as it has come.
    private var response: JSONNode {
        let status = usage == nil ? "in_progress" : isCut ? "incomplete" : "completed"
        let reason: JSONNode = finish == "length" ? "max_output_tokens" : "content_filter"
        var members: [JSONMember] = [
            JSONMember("id", JSONNode(id)), JSONMember("object", "response"), JSONMember("created_at", JSONNode(created)),
            JSONMember("status", JSONNode(status)), JSONMember("error", nil),
            JSONMember("incomplete_details", status == "incomplete" ? ["reason": reason] : .null),
            JSONMember("model", JSONNode(request.text.model)), JSONMember("output", JSONNode(items.map(node))),
        ]
        members += request.echoed
        members.append(JSONMember("usage", usage.map(Self.counts) ?? .null))
        if let tala { members.append(JSONMember("tala", tala)) }
        return JSONNode(members)
    }

    private static func counts(_ usage: JSONNode) -> JSONNode {
        [
            "input_tokens": usage["prompt_tokens"] ?? 0,
            "input_tokens_details": ["cached_tokens": usage["prompt_tokens_details"]?["cached_tokens"] ?? 0],
            "output_tokens": usage["completion_tokens"] ?? 0, "output_tokens_details": ["reasoning_tokens": 0],
            "total_tokens": usage["total_tokens"] ?? 0,
        ]
    }

    private func nextID(_ kind: String) -> String { "\(kind)_\(id.dropFirst(5))\(items.count)" }

    private func part(_ text: String) -> JSONNode { ["type": "output_text", "text": JSONNode(text), "annotations": [], "logprobs": []] }

    private func node(_ item: Item) -> JSONNode {
        let status: JSONNode = !item.isDone ? "in_progress" : isCut && item.id == items.last?.id ? "incomplete" : "completed"
        if let call = item.call {
            return [
                "id": JSONNode(item.id), "type": "function_call", "status": status, "call_id": JSONNode(call.id),
                "name": JSONNode(call.name),
                "arguments": JSONNode(item.text),
            ]
        }
        return [
            "id": JSONNode(item.id), "type": "message", "status": status, "role": "assistant",
            "content": item.text.isEmpty && !item.isDone ? [] : [part(item.text)],
        ]
    }

    // MARK: Events

    private mutating func event(_ type: String, _ members: [JSONMember]) -> JSONNode {
        defer { sequence += 1 }
        return JSONNode([JSONMember("type", JSONNode(type)), JSONMember("sequence_number", JSONNode(sequence))] + members)
    }

    private mutating func begin() -> [JSONNode] {
        [event("response.created", [JSONMember("response", response)]), event("response.in_progress", [JSONMember("response", response)])]
    }

    /// What an event is about: the last item, and of a message its one part.
    private func place(isPart: Bool) -> [JSONMember] {
        let members = [JSONMember("item_id", JSONNode(items.last?.id ?? "")), JSONMember("output_index", JSONNode(items.count - 1))]
        return isPart ? members + [JSONMember("content_index", 0)] : members
    }

    private mutating func add(_ item: Item, _ events: inout [JSONNode]) {
        close(&events)
        items.append(item)
        events.append(
            event("response.output_item.added", [JSONMember("output_index", JSONNode(items.count - 1)), JSONMember("item", node(item))]))
        guard item.call == nil else { return }
        events.append(event("response.content_part.added", place(isPart: true) + [JSONMember("part", part(""))]))
    }

    private mutating func say(_ text: String, _ events: inout [JSONNode]) {
        guard !text.isEmpty else { return }
        if items.last.map({ $0.isDone || $0.call != nil }) ?? true { add(Item(id: nextID("msg")), &events) }
        items[items.count - 1].text += text
        events.append(
            event("response.output_text.delta", place(isPart: true) + [JSONMember("delta", JSONNode(text)), JSONMember("logprobs", [])]))
    }

    private mutating func call(_ delta: JSONNode, _ events: inout [JSONNode]) {
        if let callID = delta["id"]?.string {
            add(Item(id: nextID("fc"), call: (callID, delta["function"]?["name"]?.string ?? "")), &events)
        }
        guard let text = delta["function"]?["arguments"]?.string, !text.isEmpty, !items.isEmpty else { return }
        items[items.count - 1].text += text
        events.append(event("response.function_call_arguments.delta", place(isPart: false) + [JSONMember("delta", JSONNode(text))]))
    }

    /// Ends the item that is open.
    private mutating func close(_ events: inout [JSONNode]) {
        guard let last = items.last, !last.isDone else { return }
        items[items.count - 1].isDone = true
        let text = JSONNode(last.text)
        if let call = last.call {
            events.append(
                event(
                    "response.function_call_arguments.done",
                    place(isPart: false) + [JSONMember("name", JSONNode(call.name)), JSONMember("arguments", text)]))
        } else {
            events.append(event("response.output_text.done", place(isPart: true) + [JSONMember("text", text), JSONMember("logprobs", [])]))
            events.append(event("response.content_part.done", place(isPart: true) + [JSONMember("part", part(last.text))]))
        }
        let index = items.count - 1
        events.append(
            event("response.output_item.done", [JSONMember("output_index", JSONNode(index)), JSONMember("item", node(items[index]))]))
    }
}
