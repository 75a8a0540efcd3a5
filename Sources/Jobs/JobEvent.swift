package import JSON

/// A line of `events.jsonl`: the `fine_tuning.job.event` object of the OpenAI API.
package struct JobEvent: Sendable, Hashable {
    package enum Level: String, Sendable, Hashable { case info, warn, error }
    package var sequence: Int
    package var createdAt: Int
    package var level: Level
    /// What the event says, for programs; nil in lines of earlier programs.
    package var code: EventCode?
    package var message: String
    /// With data the event is of the type `metrics`, without of the type `message`.
    package var data: JSONNode?

    package init(sequence: Int, createdAt: Int, level: Level = .info, code: EventCode?, message: String, data: JSONNode? = nil) {
        self.sequence = sequence
        self.createdAt = createdAt
        self.level = level
        self.code = code
        self.message = message
        self.data = data
    }

    /// - Parameter job: the job's id, from which the event's own is made.
    package func json(job: String) -> JSONNode {
        [
            "object": "fine_tuning.job.event", "id": JSONNode("ftevent-\(job.dropFirst(6))-\(sequence)"), "created_at": JSONNode(createdAt),
            "level": JSONNode(level.rawValue), "code": code.map { JSONNode($0.rawValue) } ?? nil, "message": JSONNode(message),
            "type": JSONNode(data == nil ? "message" : "metrics"),
            "data": data ?? JSONNode([JSONMember]()),
        ]
    }
}
